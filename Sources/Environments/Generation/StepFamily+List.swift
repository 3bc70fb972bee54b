extension StepFamily {
    private static func family(
        _ name: String, tier: Int, _ make: @escaping @Sendable (inout SeededDraws, Int) -> Step
    ) -> StepFamily {
        StepFamily(name: name, source: .list, result: .list, tier: tier, make: make)
    }

    static let listFamilies: [StepFamily] = [
        family("add-each", tier: 2) { draws, scale in
            let constant = draws.draw(1...max(5, scale))
            return .list("@ = [v + \(constant) for v in @]", phrase: "add \(constant) to every element") {
                $0.map { $0 + constant }
            }
        },
        family("multiply-each", tier: 2) { draws, _ in
            let constant = draws.draw(2...9)
            return .list("@ = [v * \(constant) for v in @]", phrase: "multiply every element by \(constant)") {
                $0.map { $0 * constant }
            }
        },
        family("sort", tier: 2) { draws, scale in
            let constant = draws.draw(1...max(9, scale))
            return .list(
                "@ = sorted(@ + [\(constant)])", phrase: "append \(constant) and sort the list, smallest first"
            ) {
                ($0 + [constant]).sorted()
            }
        },
        family("reverse-list", tier: 2) { draws, scale in
            let constant = draws.draw(1...max(9, scale))
            return .list("@ = @[::-1] + [\(constant)]", phrase: "reverse the list and append \(constant)") {
                $0.reversed() + [constant]
            }
        },
        family("rotate-list", tier: 2) { draws, _ in
            let count = draws.draw(1...4)
            return .list("@ = @[\(count):] + @[:\(count)]", phrase: "move the first \(count) elements to the end") {
                Array($0.dropFirst(count) + $0.prefix(count))
            }
        },
        family("keep-larger", tier: 2) { draws, scale in
            let (limit, constant) = (draws.draw(3...max(9, scale / 2)), draws.draw(1...9))
            return .list(
                "@ = [v - \(constant) for v in @ if v > \(limit)]",
                phrase: "keep only elements larger than \(limit) and subtract \(constant) from each"
            ) { $0.filter { $0 > limit }.map { $0 - constant } }
        },
        family("remainder-each", tier: 3) { draws, _ in
            let (factor, bound) = (draws.draw(2...9), draws.draw(11...60))
            return .list(
                "@ = [v * \(factor) % \(bound) for v in @]",
                phrase: "multiply every element by \(factor) and take its remainder modulo \(bound)"
            ) { $0.map { PythonMath.remainder($0 * factor, bound) } }
        },
        family("weigh", tier: 3) { draws, _ in
            let constant = draws.draw(1...9)
            return .list(
                "@ = [v * (i + \(constant)) for i, v in enumerate(@)]",
                phrase: "multiply every element by its position (counted from 0) plus \(constant)"
            ) { list in list.enumerated().map { $0.element * ($0.offset + constant) } }
        },
    ]

    static let listEndFamilies: [StepFamily] = [
        family("running-sum", tier: 3) { draws, _ in
            let start = draws.draw(0...9)
            return .list(
                "total = \(start)", "sums = []", "for v in @:", "    total = total + v", "    sums.append(total)",
                "@ = sums", phrase: "replace every element by the sum of all elements up to it, plus \(start)"
            ) { list in
                var total = start
                return list.map { element in
                    total += element
                    return total
                }
            }
        },
        family("neighbours", tier: 3) { draws, _ in
            let factor = draws.draw(1...4)
            return .list(
                "@ = [b * \(factor) - a for a, b in zip(@, @[1:])]",
                phrase:
                    "replace the list by one element fewer: each element's successor times \(factor), minus the element"
            ) { list in zip(list, list.dropFirst()).map { $1 * factor - $0 } }
        },
        StepFamily(name: "sum", source: .list, result: .integer, tier: 2) { draws, scale in
            let constant = draws.draw(1...max(9, scale))
            return .turning(
                into: .integer, "# = sum(@) + \(constant)", phrase: "add up the list, and add \(constant)"
            ) { value in
                guard case .list(let list) = value else { return nil }
                return .integer(list.reduce(constant, +))
            }
        },
        StepFamily(name: "spread", source: .list, result: .integer, tier: 2) { draws, _ in
            let factor = draws.draw(2...9)
            return .turning(
                into: .integer, "# = max(@) * \(factor) - min(@)",
                phrase: "multiply the largest element by \(factor) and subtract the smallest"
            ) { value in
                guard case .list(let list) = value, let largest = list.max(), let smallest = list.min() else {
                    return nil
                }
                return .integer(largest * factor - smallest)
            }
        },
        StepFamily(name: "polynomial", source: .list, result: .integer, tier: 3) { draws, _ in
            let (factor, bound) = (draws.draw(2...12), draws.draw(100...999))
            return .turning(
                into: .integer, "# = 0", "for v in @:", "    # = (# * \(factor) + v) % \(bound)",
                phrase: """
                    start from 0 and, for each element in order, multiply by \(factor), add the element and take the \
                    remainder modulo \(bound)
                    """
            ) { value in
                guard case .list(let list) = value else { return nil }
                return .integer(list.reduce(0) { PythonMath.remainder($0 * factor + $1, bound) })
            }
        },
        StepFamily(name: "letters", source: .list, result: .text, tier: 3) { draws, _ in
            let shift = draws.draw(0...25)
            return .turning(
                into: .text, "# = \"\".join(chr(97 + (v + \(shift)) % 26) for v in @)",
                phrase:
                    "turn every element, plus \(shift) and modulo 26, into the letter at that place (a is 0), and join them"
            ) { value in
                guard case .list(let list) = value else { return nil }
                let bytes = list.map { UInt8(97 + PythonMath.remainder($0 + shift, 26)) }
                return .text(String(decoding: bytes, as: UTF8.self))
            }
        },
    ]
}
