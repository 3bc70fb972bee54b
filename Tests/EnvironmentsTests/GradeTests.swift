import Domain
import Environments
import Testing

/// Promises about scores, kept by really running programs.
@Suite struct GradeTests {
    private static let sandbox = Sandbox(width: 2)
    static let environments = ReferenceEnvironments.all.map(\.name)

    private func grade(_ name: EnvironmentName, _ id: Int64, _ difficulty: Int, answer: String?) async throws -> Grade {
        let environment = try #require(ReferenceEnvironments.named(name))
        let task = try environment.task(TaskID(rawValue: id), difficulty: difficulty)
        return try await environment.grade(task, answer: answer ?? task.referenceAnswer, in: Self.sandbox)
    }

    private func score(_ name: String, _ answer: String, id: Int64 = 3, difficulty: Int = 1) async throws -> Score {
        try await grade(EnvironmentName(name), id, difficulty, answer: answer).score
    }

    @Test(arguments: environments, ReferenceEnvironments.difficulties)
    func theReferenceAnswerScoresOne(name: EnvironmentName, difficulty: Int) async throws {
        for id in [0, 1_000_003] as [Int64] {
            let grade = try await grade(name, id, difficulty, answer: nil)
            #expect(grade.score == .one, "task \(id): \(grade.detail)")
        }
    }

    @Test(arguments: ReferenceEnvironments.difficulties) func anEmptyInputNeverScores(difficulty: Int) async throws {
        for id in 0..<20 as Range<Int64> {
            let grade = try await grade(EnvironmentName("abd"), id, difficulty, answer: "<INPUT>\n</INPUT>")
            #expect(grade.score == .zero, "task \(id)")
        }
    }

    @Test(
        arguments: environments,
        [
            "", "I do not know.", "<INPUT>", "</INPUT>", "```python", "```python\n```", "\u{0}", "<INPUT>\u{0}</INPUT>",
            "<INPUT>zzz</INPUT>", "```\nimport sys\nsys.stdout.buffer.write(b'\\xff\\xfe')\n```",
            "```python\nprint(input())\n```", "<INPUT>\u{FEFF}𝟙\r\n</INPUT>",
        ]) func garbageScoresZero(name: EnvironmentName, answer: String) async throws
    {
        #expect(try await grade(name, 3, 3, answer: answer).score == .zero)
    }

    @Test(arguments: environments, [" ", "x", "<INPUT>", "```python\n", "<think>", "<INPUT></INPUT>"])
    func aTenMegabyteAnswerScoresZero(name: EnvironmentName, piece: String) async throws {
        let answer = String(repeating: piece, count: 10_000_000 / piece.utf8.count)
        #expect(try await grade(name, 3, 3, answer: answer).score == .zero)
    }

    @Test(
        .timeLimit(.minutes(10)), arguments: environments,
        ["<INPUT>", "```python\n", "<think>", "<INPUT></INPUT>", "<think></think>", "\r\n"])
    func aLongAnswerOfTagsIsReadInTime(name: EnvironmentName, piece: String) async throws {
        let answer = String(repeating: piece, count: 120_000 / piece.utf8.count)
        #expect(try await grade(name, 3, 3, answer: answer).score == .zero)
    }

    @Test(arguments: [0, 1, 2, 4, 7]) func aTableOfTheShownExamplesScoresZero(difficulty: Int) async throws {
        let name = try EnvironmentName("ded")
        let environment = try #require(ReferenceEnvironments.named(name))
        for id in 0..<4 as Range<Int64> {
            let task = try environment.task(TaskID(rawValue: id), difficulty: difficulty)
            guard case .deduction(let shown, _) = task.key else { continue }
            let table = shown.map { "\"\($0.input)\": \"\($0.output)\"" }.joined(separator: ", ")
            let program = "print({\(table)}.get(input(), \"\(shown[0].output)\"))"
            #expect(try await grade(name, id, difficulty, answer: program).score == .zero)
        }
    }

    @Test func theLastInputBlockCountsInAnyCaseOfLetters() async throws {
        let id: Int64 = 3
        let right = try #require(ReferenceEnvironments.named(EnvironmentName("abd")))
            .task(TaskID(rawValue: id), difficulty: 1).referenceAnswer
        let wrong = "<INPUT>\nqqq\n</INPUT>"
        #expect(try await score("abd", wrong + right) == .one)
        #expect(try await score("abd", right + wrong) == .zero)
        #expect(try await score("abd", "so: " + right.lowercased() + " and that is all") == .one)
        #expect(try await score("abd", right.replacing("\n", with: "\r\n")) == .one)
        #expect(try await score("abd", right + "<think>" + wrong + "</THINK>") == .one)
        #expect(try await score("abd", "<think>" + right + "</think>") == .zero)
    }

    @Test func thePythonFenceCountsThenAnyFenceThenTheWholeText() async throws {
        let task = try #require(ReferenceEnvironments.named(EnvironmentName("ded")))
            .task(TaskID(rawValue: 3), difficulty: 1)
        let program = task.referenceAnswer.split(separator: "\n").dropFirst().dropLast().joined(separator: "\n")
        let python = "```python\n\(program)\n```"
        #expect(try await score("ded", program) == .one)
        #expect(try await score("ded", "```\n\(program)\n```") == .one)
        #expect(try await score("ded", "Here:\n\(python)\nwhich prints\n```\n42\n```") == .one)
        #expect(try await score("ded", "```python\nprint(1)\n```\n\(python)") == .one)
        #expect(try await score("ded", "\(python)\n```python\nprint(1)\n```") == .zero)
        #expect(try await score("ded", "```Python3\n\(program)") == .one)
        #expect(try await score("ded", "<think>\n```python\nprint(1)\n```\n</think>\n\(program)") == .one)
    }

    @Test func theRightOutputWithAnErrorAfterItScoresZero() async throws {
        let task = try #require(ReferenceEnvironments.named(EnvironmentName("ded")))
            .task(TaskID(rawValue: 3), difficulty: 1)
        let program = task.referenceAnswer.replacing("\n```", with: "\nraise SystemExit(1)\n```")
        #expect(try await score("ded", program) == .zero)
    }
}
