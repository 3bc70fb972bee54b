/// One step of a generated program: the same function as Python text, as a phrase, and as Swift.
struct Step: Sendable {
    /// Python lines; `@` stands for the variable that holds the value, `#` for the one that receives the result.
    let lines: [String]
    /// What the step does, as an instruction.
    let phrase: String
    let result: Value.Kind
    /// Nil where the Python text would fail, or for a value of another kind.
    let apply: @Sendable (Value) -> Value?
}

/// A kind of step with its constants left open.
struct StepFamily: Sendable {
    let name: String
    let source: Value.Kind
    let result: Value.Kind
    /// 0 for what a very small model can follow, up to 3.
    let tier: Int
    /// Draws the constants, none larger than about `scale`.
    let make: @Sendable (_ draws: inout SeededDraws, _ scale: Int) -> Step
    /// Leaves its input readable in its output; only the plainest abduction tasks use it.
    var isCopying = false

    static let all: [StepFamily] =
        copyingFamilies + integerFamilies + integerLoopFamilies + textFamilies + textEndFamilies + listFamilies
        + listEndFamilies
}

extension Step {
    static func integer(_ lines: String..., phrase: String, _ apply: @escaping @Sendable (Int) -> Int?) -> Step {
        Step(lines: lines, phrase: phrase, result: .integer) { value in
            guard case .integer(let number) = value else { return nil }
            return apply(number).map(Value.integer)
        }
    }

    static func text(_ lines: String..., phrase: String, _ apply: @escaping @Sendable ([UInt8]) -> [UInt8]?) -> Step {
        Step(lines: lines, phrase: phrase, result: .text) { value in
            guard case .text(let text) = value else { return nil }
            return apply(Array(text.utf8)).map { .text(String(decoding: $0, as: UTF8.self)) }
        }
    }

    static func list(_ lines: String..., phrase: String, _ apply: @escaping @Sendable ([Int]) -> [Int]?) -> Step {
        Step(lines: lines, phrase: phrase, result: .list) { value in
            guard case .list(let numbers) = value else { return nil }
            return apply(numbers).map(Value.list)
        }
    }

    /// A step whose result is of another kind than its source.
    static func turning(
        into result: Value.Kind, _ lines: String..., phrase: String, _ apply: @escaping @Sendable (Value) -> Value?
    ) -> Step {
        Step(lines: lines, phrase: phrase, result: result, apply: apply)
    }
}
