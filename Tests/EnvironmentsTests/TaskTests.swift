import Digest
import Domain
import Environments
import Inference
import Testing

/// Promises about tasks that need no sandbox.
@Suite struct TaskTests {
    static let environments = ReferenceEnvironments.all.map(\.name)

    /// All of a task that a model or a grader ever sees.
    private func digest(_ task: ReferenceTask) -> String {
        var text = task.prompt.map { "\($0.role)\n\($0.content)\n" }.joined() + task.referenceAnswer
        switch task.key {
        case .abduction(let program, let target): text += "\n\(program)\n\(target)"
        case .deduction(let shown, let hidden): text += (shown + hidden).map { "\n\($0.input)\n\($0.output)" }.joined()
        }
        return String(SHA256Digest(of: text).hex.prefix(16))
    }

    private func task(_ name: EnvironmentName, _ id: Int64, _ difficulty: Int) throws -> ReferenceTask {
        let environment = try #require(ReferenceEnvironments.named(name))
        return try environment.task(TaskID(rawValue: id), difficulty: difficulty)
    }

    @Test(arguments: [
        (
            "abd",
            "d235a366600b5eb7 4982fe3e161d209e c70fef732f843385 4da13bdc08a3f9f0 efd8c1479fef2d7a 77bf928a8b854804"
        ),
        (
            "ded",
            "fb45d9769d8df073 ed6fc9a7e504831d a716c0dce47f91dc c8c435158c9be186 b80aeeb5cac2af34 87810e422a9f7cef"
        ),
    ]) func tasksAreTheSameForEver(name: String, golden: String) throws {
        let name = try EnvironmentName(name)
        let digests = try [(0, 0), (1, 1), (2, 42), (3, 7), (5, 123_456), (9, Int64.max)].map { difficulty, id in
            digest(try task(name, id, difficulty))
        }
        #expect(digests.joined(separator: " ") == golden)
    }

    @Test(arguments: environments) func tasksHardlyEverRepeat(name: EnvironmentName) throws {
        // Difficulty 3 is the narrowest of which it is promised. Among a million different tasks, 3,000 draws would meet about 4 repeats and almost never none.
        var seen: Set<String> = []
        var repeats = 0
        for id in 0..<3_000 as Range<Int64> {
            let question = try #require(try task(name, id, 3).prompt.last).content
            if !seen.insert(question).inserted { repeats += 1 }
        }
        #expect(repeats == 0)
    }

    @Test(arguments: environments, ReferenceEnvironments.difficulties)
    func exampleTurnsNeverShowTheTaskItself(name: EnvironmentName, difficulty: Int) throws {
        guard difficulty >= 2 else { return }
        for id in 0..<50 as Range<Int64> {
            let prompt = try task(name, id, difficulty).prompt
            let question = try #require(prompt.last)
            #expect(prompt.dropLast().allSatisfy { !$0.content.hasSuffix(question.content) })
        }
    }

    @Test(arguments: ReferenceEnvironments.difficulties)
    func hiddenCasesDifferFromTheShownOnesAndFromEachOther(difficulty: Int) throws {
        let name = try EnvironmentName("ded")
        for id in 0..<50 as Range<Int64> {
            guard case .deduction(let shown, let hidden) = try task(name, id, difficulty).key else { continue }
            #expect(hidden.count >= 5 && shown.count >= 3)
            #expect(Set((shown + hidden).map(\.input)).count == shown.count + hidden.count)
            #expect(Set(hidden.map(\.output)).subtracting(shown.map(\.output)).count >= 3)
        }
    }

    @Test(arguments: environments) func anImpossibleTaskIsRefused(name: EnvironmentName) {
        #expect(throws: InvalidValue.self) { try task(name, 0, 10) }
        #expect(throws: InvalidValue.self) { try task(name, 0, -1) }
        #expect(throws: InvalidValue.self) { try task(name, -1, 0) }
    }

    @Test(arguments: environments) func easyTasksAskForShortAnswers(name: EnvironmentName) throws {
        for difficulty in 0...2 { #expect(try task(name, 5, difficulty).maxTokens <= 48) }
    }

    @Test func seedsAreTheProtocols() throws {
        // printf abd:7 | sha256sum | cut -c9-16
        let seed = EvaluateRequest.seed(environment: try EnvironmentName("abd"), taskID: TaskID(rawValue: 7))
        #expect(seed == 0x4bd30eb7)
    }
}
