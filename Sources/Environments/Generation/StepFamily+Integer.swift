extension StepFamily {
    private static func family(
        _ name: String, tier: Int, _ make: @escaping @Sendable (inout SeededDraws, Int) -> Step
    ) -> StepFamily {
        StepFamily(name: name, source: .integer, result: .integer, tier: tier, make: make)
    }

    static let integerFamilies: [StepFamily] = [
        family("add", tier: 0) { draws, scale in
            let constant = draws.draw(1...max(5, scale))
            return .integer("@ = @ + \(constant)", phrase: "add \(constant) to the number") { $0 + constant }
        },
        family("subtract", tier: 1) { draws, scale in
            let constant = draws.draw(1...max(5, scale))
            return .integer("@ = @ - \(constant)", phrase: "subtract \(constant) from the number") { $0 - constant }
        },
        family("multiply", tier: 1) { draws, scale in
            let constant = draws.draw(2...max(5, scale / 4))
            return .integer("@ = @ * \(constant)", phrase: "multiply the number by \(constant)") { $0 * constant }
        },
        family("divide", tier: 2) { draws, _ in
            let constant = draws.draw(2...9)
            return .integer("@ = @ // \(constant)", phrase: "divide the number by \(constant), rounding down") {
                PythonMath.quotient($0, constant)
            }
        },
        family("remainder", tier: 2) { draws, scale in
            let constant = draws.draw(11...max(97, scale))
            return .integer("@ = @ % \(constant)", phrase: "take the remainder of the number modulo \(constant)") {
                PythonMath.remainder($0, constant)
            }
        },
        family("threshold", tier: 2) { draws, scale in
            let (limit, down, up) = (draws.draw(5...max(30, scale)), draws.draw(1...9), draws.draw(1...9))
            return .integer(
                "if @ > \(limit):", "    @ = @ - \(down)", "else:", "    @ = @ + \(up)",
                phrase: "if the number is more than \(limit) subtract \(down) from it, else add \(up) to it"
            ) { $0 > limit ? $0 - down : $0 + up }
        },
        family("parity", tier: 2) { draws, _ in
            let (factor, constant) = (draws.draw(2...5), draws.draw(1...9))
            return .integer(
                "if @ % 2 == 0:", "    @ = @ // 2", "else:", "    @ = @ * \(factor) + \(constant)",
                phrase: "halve the number if it is even, else multiply it by \(factor) and add \(constant)"
            ) { PythonMath.remainder($0, 2) == 0 ? PythonMath.quotient($0, 2) : $0 * factor + constant }
        },
        family("square", tier: 2) { draws, _ in
            let constant = draws.draw(50...999)
            return .integer(
                "@ = @ * @ % \(constant)", phrase: "square the number and take the remainder modulo \(constant)"
            ) { PythonMath.remainder($0 * $0, constant) }
        },
    ]

    static let integerLoopFamilies: [StepFamily] = [
        family("recurrence", tier: 3) { draws, _ in
            let (rounds, factor, bound) = (draws.draw(2...6), draws.draw(2...9), draws.draw(50...999))
            return .integer(
                "for i in range(\(rounds)):", "    @ = (@ * \(factor) + i) % \(bound)",
                phrase: """
                    \(rounds) times, for i from 0 to \(rounds - 1): multiply the number by \(factor), add i and take the \
                    remainder modulo \(bound)
                    """
            ) { start in (0..<rounds).reduce(start) { PythonMath.remainder($0 * factor + $1, bound) } }
        },
        family("collatz", tier: 3) { draws, _ in
            let rounds = draws.draw(2...5)
            return .integer(
                "for _ in range(\(rounds)):", "    @ = @ // 2 if @ % 2 == 0 else 3 * @ + 1",
                phrase: "\(rounds) times: halve the number if it is even, else multiply it by 3 and add 1"
            ) { start in
                (0..<rounds).reduce(start) { number, _ in
                    PythonMath.remainder(number, 2) == 0 ? PythonMath.quotient(number, 2) : 3 * number + 1
                }
            }
        },
        family("digit-sum", tier: 2) { draws, _ in
            let factor = draws.draw(2...9)
            return .integer(
                "@ = sum(int(d) for d in str(abs(@))) * \(factor)",
                phrase: "replace the number by the sum of its decimal digits, times \(factor)"
            ) { number in digits(number).reduce(0, +) * factor }
        },
        family("digit-reversal", tier: 3) { draws, scale in
            let constant = draws.draw(1...max(9, scale))
            return .integer(
                "@ = int(str(abs(@))[::-1]) + \(constant)",
                phrase: "write the number's decimal digits in reverse order (without a sign), then add \(constant)"
            ) { number in digits(number).reversed().reduce(0) { $0 * 10 + $1 } + constant }
        },
        StepFamily(name: "digits", source: .integer, result: .list, tier: 2) { draws, _ in
            let constant = draws.draw(1...9)
            return .turning(
                into: .list, "# = [int(d) + \(constant) for d in str(abs(@))]",
                phrase: "make a list of the number's decimal digits, each increased by \(constant)"
            ) { value in
                guard case .integer(let number) = value else { return nil }
                return .list(digits(number).map { $0 + constant })
            }
        },
        StepFamily(name: "multiples", source: .integer, result: .list, tier: 2) { draws, _ in
            let (count, constant) = (draws.draw(3...6), draws.draw(0...9))
            return .turning(
                into: .list, "# = [@ * i + \(constant) for i in range(1, \(count + 1))]",
                phrase: "make a list of the first \(count) multiples of the number, each increased by \(constant)"
            ) { value in
                guard case .integer(let number) = value else { return nil }
                return .list((1...count).map { number * $0 + constant })
            }
        },
    ]

    private static func digits(_ number: Int) -> [Int] {
        String(number.magnitude).utf8.map { Int($0) - 0x30 }
    }
}
