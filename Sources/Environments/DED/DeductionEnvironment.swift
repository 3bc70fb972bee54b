public import Domain
internal import Inference

/// DED: the model sees what a function does to some inputs, and writes a program that does it to any.
public struct DeductionEnvironment: ReferenceEnvironment {
    /// Part of what a task is drawn from: changing a family or a table in `Generation` means raising it.
    private static let version = 1
    private static let hiddenCount = 5

    public let name: EnvironmentName

    public init() {
        do {
            name = try EnvironmentName("ded")
        } catch {
            preconditionFailure("ded is a valid name")
        }
    }

    public var title: String { "program deduction" }
    public var emptyAnswer: String { "" }

    public func task(_ id: TaskID, difficulty: Int) throws -> ReferenceTask {
        try ReferenceEnvironments.check(id, difficulty)
        let puzzle = Self.puzzle(id.rawValue, difficulty)
        return ReferenceTask(
            environment: name, id: id, difficulty: difficulty,
            prompt: Self.openings[difficulty] + [Self.question(puzzle)],
            referenceAnswer: Self.answer(puzzle), maxTokens: Prompting.maxTokens(difficulty, short: 48),
            key: .deduction(shown: puzzle.shown, hidden: puzzle.hidden))
    }

    public func grade(_ task: ReferenceTask, answer: String, in sandbox: Sandbox) async throws -> Grade {
        guard case .deduction(_, let hidden) = task.key else {
            preconditionFailure("a task of \(task.environment) was given to \(name)")
        }
        guard answer.utf8.count <= Prompting.maximumAnswerBytes else { return .wrong("the answer is too large") }
        let program = Array(AnswerProgram.extract(from: answer).utf8)
        for (index, test) in hidden.enumerated() {
            let result = try await sandbox.run(program: program, input: Array((test.input + "\n").utf8))
            let grade = OutputCheck.compare(result, with: test.output)
            guard grade.score == .one else { return .wrong("case \(index + 1) of \(hidden.count): \(grade.detail)") }
        }
        return .right("all \(hidden.count) cases")
    }

    /// What comes before the question, for each difficulty.
    private static let openings: [[ChatMessage]] = ReferenceEnvironments.difficulties.map { difficulty in
        let examples = Prompting.examples(difficulty, families: \.families) { puzzle($0, difficulty) }
        return Prompting.opening(
            instructions, examples.flatMap { [question($0), ChatMessage(role: "assistant", content: answer($0))] })
    }

    private struct Puzzle {
        let families: [String]
        let program: String
        /// What the function does, step by step; steps that must be found from the examples are left out.
        let phrases: [String]
        let shown: [TestCase]
        let hidden: [TestCase]
    }

    private static let instructions = """
        Write a Python program that reads one line from standard input and prints one line. It must do what is described \
        and what the examples show, for every input. Answer with the program alone, in a ```python block.
        """

    private static func question(_ puzzle: Puzzle) -> ChatMessage {
        let steps = puzzle.phrases.enumerated().map { puzzle.phrases.count == 1 ? $1 : "\($0 + 1). \($1)" }
        let examples = puzzle.shown.map { "Input: \($0.input)\nOutput: \($0.output)" }
        return ChatMessage(
            role: "user", content: (["Task:"] + steps + ["Examples:"] + examples).joined(separator: "\n"))
    }

    private static func answer(_ puzzle: Puzzle) -> String { "```python\n\(puzzle.program)\n```" }

    /// Draws until the outputs differ enough that neither silence nor a table of the shown cases passes.
    private static func puzzle(_ id: Int64, _ difficulty: Int) -> Puzzle {
        var draws = SeededDraws("affine/ded/\(version)/\(difficulty)/\(id)")
        let shape = Shape(difficulty: difficulty, copying: .never)
        let shownCount = difficulty < 5 ? 3 : 6
        while true {
            let pipeline = Pipeline(shape, &draws)
            var cases: [TestCase] = []
            for _ in 0..<(4 * (shownCount + hiddenCount)) where cases.count < shownCount + hiddenCount {
                let input = shape.input(pipeline.source, &draws)
                guard let output = pipeline.apply(input), output.isVisible, output.line != input.line,
                    !cases.contains(where: { $0.input == input.line })
                else { continue }
                cases.append(TestCase(input: input.line, output: output.line))
            }
            let concealed = concealedStep(difficulty, pipeline, &draws)
            guard cases.count == shownCount + hiddenCount else { continue }
            let (shown, hidden) = (Array(cases.prefix(shownCount)), Array(cases.suffix(hiddenCount)))
            let fresh = Set(hidden.map(\.output)).subtracting(shown.map(\.output))
            guard Set(shown.map(\.output)).count == shownCount, fresh.count >= 3 else { continue }
            let phrases = pipeline.steps.enumerated().map { index, step in
                index == concealed ? "(one step that you must find from the examples)" : step.phrase
            }
            return Puzzle(
                families: pipeline.families, program: pipeline.program, phrases: phrases, shown: shown, hidden: hidden)
        }
    }

    /// From difficulty 5 on, one step is not described: one of the simplest, so that it can be found.
    private static func concealedStep(_ difficulty: Int, _ pipeline: Pipeline, _ draws: inout SeededDraws) -> Int? {
        guard difficulty >= 5, let simplest = pipeline.tiers.min() else { return nil }
        return draws.pick(pipeline.tiers.indices.filter { pipeline.tiers[$0] == simplest })
    }
}
