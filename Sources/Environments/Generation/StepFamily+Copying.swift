extension StepFamily {
    /// Steps that keep their input in plain sight, for models that can do little more than copy.
    static let copyingFamilies: [StepFamily] = [
        StepFamily(
            name: "greet", source: .text, result: .text, tier: 0,
            make: { draws, _ in
                let word = draws.pick(Words.common)
                return .text("@ = \"\(word) \" + @", phrase: "put \"\(word) \" before the text") {
                    Array("\(word) ".utf8) + $0
                }
            }, isCopying: true),
        StepFamily(
            name: "follow", source: .text, result: .text, tier: 0,
            make: { draws, _ in
                let word = draws.pick(Words.common)
                return .text("@ = @ + \" \(word)\"", phrase: "append \" \(word)\" to the text") {
                    $0 + Array(" \(word)".utf8)
                }
            }, isCopying: true),
        StepFamily(
            name: "label", source: .integer, result: .text, tier: 0,
            make: { draws, _ in
                let word = draws.pick(Words.common)
                return .turning(
                    into: .text, "# = \"\(word) \" + str(@)", phrase: "put \"\(word) \" before the number"
                ) { value in value.kind == .integer ? .text("\(word) \(value.line)") : nil }
            }, isCopying: true),
        StepFamily(
            name: "unit", source: .integer, result: .text, tier: 0,
            make: { draws, _ in
                let word = draws.pick(Words.common)
                return .turning(
                    into: .text, "# = str(@) + \" \(word)\"", phrase: "put \" \(word)\" after the number"
                ) { value in value.kind == .integer ? .text("\(value.line) \(word)") : nil }
            }, isCopying: true),
    ]
}
