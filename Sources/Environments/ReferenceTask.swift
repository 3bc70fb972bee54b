public import Domain
public import Inference

/// One task of a reference environment: what the model is asked, and what decides its score.
public struct ReferenceTask: Sendable {
    public let environment: EnvironmentName
    public let id: TaskID
    public let difficulty: Int
    /// The conversation to complete; its first turns show solved tasks of the same kind.
    public let prompt: [ChatMessage]
    /// An answer that scores 1, for tests and for showing what was asked.
    public let referenceAnswer: String
    /// Enough for the answer and, from difficulty 3 on, for thinking before it.
    public let maxTokens: Int
    package let key: TaskKey
}

/// What an answer is judged by.
package enum TaskKey: Sendable {
    /// The program must print `target` on the answer.
    case abduction(program: String, target: String)
    /// The answer must print each output for its input.
    case deduction(shown: [TestCase], hidden: [TestCase])
}

/// An input of a program and the output it must have, one line each.
package struct TestCase: Hashable, Sendable {
    package let input: String
    package let output: String
}

/// A score with the reason for it.
public struct Grade: Hashable, Sendable {
    public let score: Score
    /// One short line, such as `case 2: printed 7, expected 8`.
    public let detail: String

    static func right(_ detail: String) -> Grade { Grade(score: .one, detail: detail) }
    static func wrong(_ detail: String) -> Grade { Grade(score: .zero, detail: detail) }
}

/// An environment whose tasks are computed from their ids alone and whose answers are judged by running them.
public protocol ReferenceEnvironment: Sendable {
    var name: EnvironmentName { get }
    /// In one word or two, for people: `program abduction`.
    var title: String { get }

    /// An answer that says nothing but is still graded by running something in the sandbox.
    var emptyAnswer: String { get }

    /// The same task for the same id and difficulty, on every machine and in every version.
    ///
    /// - Throws: `InvalidValue` for a negative id or a difficulty outside 0…9.
    func task(_ id: TaskID, difficulty: Int) throws -> ReferenceTask

    /// Judges any answer, however odd, by running programs in the sandbox.
    ///
    /// - Throws: `SandboxError` when the sandbox failed, which says nothing about the answer.
    func grade(_ task: ReferenceTask, answer: String, in sandbox: Sandbox) async throws -> Grade
}

/// The environments that come with the program.
public enum ReferenceEnvironments {
    public static let all: [any ReferenceEnvironment] = [AbductionEnvironment(), DeductionEnvironment()]

    /// The environment of that name: `abd` or `ded`.
    public static func named(_ name: EnvironmentName) -> (any ReferenceEnvironment)? {
        all.first { $0.name == name }
    }

    /// Difficulties that tasks exist for.
    public static let difficulties = 0...9

    static func check(_ id: TaskID, _ difficulty: Int) throws(InvalidValue) {
        guard difficulties.contains(difficulty) else {
            throw InvalidValue(field: "difficulty", value: String(difficulty), expected: "0 to 9")
        }
        guard id.rawValue >= 0 else {
            throw InvalidValue(field: "task id", value: String(id.rawValue), expected: "0 or more")
        }
    }
}
