extension StepFamily {
    private static func family(
        _ name: String, tier: Int, _ make: @escaping @Sendable (inout SeededDraws, Int) -> Step
    ) -> StepFamily {
        StepFamily(name: name, source: .text, result: .text, tier: tier, make: make)
    }

    static let textFamilies: [StepFamily] = [
        family("append", tier: 0) { draws, _ in
            let word = Words.draw(&draws, length: 2...4)
            return .text("@ = @ + \"\(word)\"", phrase: "append \"\(word)\" to the text") { $0 + Array(word.utf8) }
        },
        family("prepend", tier: 0) { draws, _ in
            let word = Words.draw(&draws, length: 2...4)
            return .text("@ = \"\(word)\" + @", phrase: "put \"\(word)\" before the text") { Array(word.utf8) + $0 }
        },
        family("upper", tier: 1) { draws, _ in
            let letter = Words.draw(&draws, length: 1...1)
            return .text("@ = @.upper() + \"\(letter)\"", phrase: "write the text in capitals and append \"\(letter)\"")
            {
                $0.map(upper) + Array(letter.utf8)
            }
        },
        family("reverse", tier: 1) { draws, _ in
            let letter = Words.draw(&draws, length: 1...1)
            return .text("@ = @[::-1] + \"\(letter)\"", phrase: "reverse the text and append \"\(letter)\"") {
                $0.reversed() + Array(letter.utf8)
            }
        },
        family("double", tier: 1) { draws, _ in
            let letter = Words.draw(&draws, length: 1...1)
            return .text(
                "@ = @ + \"\(letter)\" + @", phrase: "write the text twice with \"\(letter)\" between the two"
            ) { $0 + Array(letter.utf8) + $0 }
        },
        family("drop", tier: 2) { draws, _ in
            let count = draws.draw(1...3)
            return .text("@ = @[\(count):]", phrase: "drop the text's first \(count) letters") {
                Array($0.dropFirst(count))
            }
        },
        family("replace", tier: 2) { draws, _ in
            let (old, new) = (Words.draw(&draws, length: 1...1), Words.draw(&draws, length: 1...1))
            return .text(
                "@ = @.replace(\"\(old)\", \"\(new)\") + \"\(old)\"",
                phrase: "replace every \"\(old)\" by \"\(new)\", then append \"\(old)\""
            ) { text in text.flatMap { [$0] == Array(old.utf8) ? Array(new.utf8) : [$0] } + Array(old.utf8) }
        },
        family("rotate", tier: 2) { draws, _ in
            let count = draws.draw(1...4)
            return .text(
                "@ = @[\(count):] + @[:\(count)]", phrase: "move the text's first \(count) letters to its end"
            ) { Array($0.dropFirst(count) + $0.prefix(count)) }
        },
        family("alternate", tier: 2) { draws, _ in
            let start = draws.draw(0...1)
            return .text(
                "@ = @[\(start)::2] + @[\(1 - start)::2]",
                phrase: "put the letters at \(start == 0 ? "even" : "odd") positions (counted from 0) before the others"
            ) { text in
                let halves = [0, 1].map { half in text.indices.filter { $0 % 2 == half }.map { text[$0] } }
                return halves[start] + halves[1 - start]
            }
        },
    ]

    static let textEndFamilies: [StepFamily] = [
        family("caesar", tier: 3) { draws, _ in
            let shift = draws.draw(1...25)
            return .text(
                "@ = \"\".join(chr((ord(c) - 97 + \(shift)) % 26 + 97) for c in @.lower())",
                phrase:
                    "write the text in small letters and move each \(shift) places on in the alphabet, from z on to a"
            ) { text in
                text.map { UInt8(PythonMath.remainder(Int(lower($0)) - 97 + shift, 26) + 97) }
            }
        },
        family("sort-letters", tier: 3) { draws, _ in
            let letter = Words.draw(&draws, length: 1...1)
            return .text(
                "@ = \"\".join(sorted(@)) + \"\(letter)\"",
                phrase: "sort the text's letters (capitals come first) and append \"\(letter)\""
            ) { $0.sorted() + Array(letter.utf8) }
        },
        family("vowels-last", tier: 3) { draws, _ in
            let vowels = draws.pick(["aeiou", "aei", "aou", "eiou"])
            return .text(
                "@ = \"\".join(c for c in @ if c not in \"\(vowels)\") + \"\".join(c for c in @ if c in \"\(vowels)\")",
                phrase: "move all letters out of \"\(vowels)\" to the text's end, keeping their order"
            ) { text in
                let set = Array(vowels.utf8)
                return text.filter { !set.contains($0) } + text.filter { set.contains($0) }
            }
        },
        StepFamily(name: "length", source: .text, result: .integer, tier: 2) { draws, scale in
            let (factor, constant) = (draws.draw(2...9), draws.draw(1...max(9, scale)))
            return .turning(
                into: .integer, "# = len(@) * \(factor) + \(constant)",
                phrase: "take the text's length, multiply it by \(factor) and add \(constant)"
            ) { value in
                guard case .text(let text) = value else { return nil }
                return .integer(text.utf8.count * factor + constant)
            }
        },
        StepFamily(name: "positions", source: .text, result: .list, tier: 2) { draws, _ in
            let constant = draws.draw(1...9)
            return .turning(
                into: .list, "# = [ord(c) - 97 + \(constant) for c in @.lower()]",
                phrase: "make a list of the letters' places in the alphabet (a is 0), each increased by \(constant)"
            ) { value in
                guard case .text(let text) = value else { return nil }
                return .list(text.utf8.map { Int(lower($0)) - 97 + constant })
            }
        },
    ]

    private static func upper(_ letter: UInt8) -> UInt8 { (0x61...0x7A).contains(letter) ? letter - 32 : letter }
    private static func lower(_ letter: UInt8) -> UInt8 { (0x41...0x5A).contains(letter) ? letter + 32 : letter }
}

/// Pronounceable nonsense, so that no word list is needed.
enum Words {
    /// For the plainest tasks, whose reader may know little more than common words.
    static let common = [
        "apple", "bird", "blue", "boat", "book", "bread", "cat", "chair", "cloud", "dog", "door", "fish", "garden",
        "gold", "green", "hand", "horse", "house", "lamp", "lemon", "milk", "moon", "music", "paper", "queen", "rain",
        "red", "river", "road", "salt", "sea", "ship", "snow", "song", "star", "stone", "sugar", "sun", "table", "tree",
        "water", "wind", "winter", "wood",
    ]

    static func draw(_ draws: inout SeededDraws, length: ClosedRange<Int>) -> String {
        let (consonants, vowels) = (Array("bcdfghklmnprstvw"), Array("aeiou"))
        let startsWithVowel = draws.draw(0...3) == 0
        return String(
            (0..<draws.draw(length)).map { index in
                draws.pick((index % 2 == 0) == startsWithVowel ? vowels : consonants)
            })
    }
}
