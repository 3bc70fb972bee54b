public import Domain
internal import Inference

/// ABD: the model sees a program and its output, and finds an input that gives this output.
public struct AbductionEnvironment: ReferenceEnvironment {
    /// Part of what a task is drawn from: changing a family or a table in `Generation` means raising it.
    private static let version = 1

    public let name: EnvironmentName

    public init() {
        do {
            name = try EnvironmentName("abd")
        } catch {
            preconditionFailure("abd is a valid name")
        }
    }

    public var title: String { "program abduction" }
    public var emptyAnswer: String { "<INPUT></INPUT>" }

    public func task(_ id: TaskID, difficulty: Int) throws -> ReferenceTask {
        try ReferenceEnvironments.check(id, difficulty)
        let puzzle = Self.puzzle(id.rawValue, difficulty)
        return ReferenceTask(
            environment: name, id: id, difficulty: difficulty,
            prompt: Self.openings[difficulty] + [Self.question(puzzle)],
            referenceAnswer: Self.answer(puzzle), maxTokens: Prompting.maxTokens(difficulty, short: 24),
            key: .abduction(program: puzzle.program, target: puzzle.target))
    }

    public func grade(_ task: ReferenceTask, answer: String, in sandbox: Sandbox) async throws -> Grade {
        guard case .abduction(let program, let target) = task.key else {
            preconditionFailure("a task of \(task.environment) was given to \(name)")
        }
        guard answer.utf8.count <= Prompting.maximumAnswerBytes else { return .wrong("the answer is too large") }
        guard let block = TextTools.lastBlock("input", in: TextTools.withoutThoughts(answer)) else {
            return .wrong("no <INPUT> block")
        }
        let input = Array((TextTools.comparable(block) + "\n").utf8)
        let result = try await sandbox.run(program: Array(program.utf8), input: input)
        return OutputCheck.compare(result, with: target)
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
        let input: String
        let target: String
    }

    private static let instructions = """
        You are given a Python program and the output it printed. Find an input that makes the program print exactly \
        this output. Write the input between <INPUT> and </INPUT>.
        """

    private static func question(_ puzzle: Puzzle) -> ChatMessage {
        ChatMessage(
            role: "user", content: "Program:\n```python\n\(puzzle.program)\n```\nOutput:\n```\n\(puzzle.target)\n```")
    }

    private static func answer(_ puzzle: Puzzle) -> String { "<INPUT>\n\(puzzle.input)\n</INPUT>" }

    /// Draws until the program's output depends on its input enough that neither silence nor a guess hits the target.
    private static func puzzle(_ id: Int64, _ difficulty: Int) -> Puzzle {
        var draws = SeededDraws("affine/abd/\(version)/\(difficulty)/\(id)")
        let shape = Shape(
            difficulty: difficulty, copying: difficulty == 0 ? .always : difficulty < 3 ? .sometimes : .never)
        while true {
            let pipeline = Pipeline(shape, &draws)
            let input = shape.input(pipeline.source, &draws)
            let others = (0..<16).map { _ in shape.input(pipeline.source, &draws) }
            guard let output = pipeline.apply(input), output.isVisible, output.line != input.line,
                others.count(where: { $0 != input && pipeline.apply($0) == output }) <= 1,
                [.integer(0), .integer(1), .text(""), .list([]), .list([0])].allSatisfy({ pipeline.apply($0) != output }
                )
            else { continue }
            return Puzzle(
                families: pipeline.families, program: pipeline.program, input: input.line, target: output.line)
        }
    }
}
