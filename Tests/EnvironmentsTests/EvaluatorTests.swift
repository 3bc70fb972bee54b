import Domain
import Environments
import Inference
import Testing

/// A model that says what it was told to say.
struct ScriptedModel: ChatModel {
    let answer: @Sendable (ChatRequest) async throws(ChatFailure) -> ChatReply

    func complete(_ request: ChatRequest) async throws(ChatFailure) -> ChatReply { try await answer(request) }

    static func saying(_ text: String) -> ScriptedModel {
        ScriptedModel { _ in
            ChatReply(content: text, finishReason: "stop", usage: TokenUsage(promptTokens: 7, completionTokens: 5))
        }
    }
}

@Suite struct EvaluatorTests {
    private static let request = EvaluateRequest(
        taskID: TaskID(rawValue: 11), seed: 99, model: "owner/name", temperature: 0.5, timeout: .seconds(9),
        difficulty: 1)

    private func evaluator(_ sandbox: Sandbox = Sandbox()) throws -> ReferenceEvaluator {
        let environment = try #require(ReferenceEnvironments.named(EnvironmentName("abd")))
        return ReferenceEvaluator(environment: environment, sandbox: sandbox)
    }

    private func reference() throws -> ReferenceTask {
        try evaluator().environment.task(Self.request.taskID, difficulty: 1)
    }

    @Test func aRightAnswerGivesTheProtocolsDocument() async throws {
        let task = try reference()
        let result = try await evaluator().evaluate(Self.request, chat: ScriptedModel.saying(task.referenceAnswer))
        guard case .scored(let evaluation) = result else { Issue.record("\(result)"); return }
        #expect(evaluation.score == .one)
        let document = evaluation.document
        #expect(document["task_name"] == .string("abd:program abduction"))
        #expect(document["score"] == .number(1) && document["success"] == .bool(true))
        #expect(try #require(document["time_taken"]?.doubleValue) > 0)
        #expect(document["error"] == nil && document["error_type"] == nil)
        let extra = try #require(document["extra"])
        #expect(extra["usage"]?["total_tokens"] == .integer(12))
        #expect(extra["seed"] == .integer(99) && extra["task_id"] == .integer(11))
        #expect(extra["valid_for_scoring"] == nil)
        guard case .array(let turns)? = extra["conversation"] else { Issue.record("no conversation"); return }
        #expect(turns.count == task.prompt.count + 1)
        #expect(turns.last?["content"] == .string(task.referenceAnswer))
    }

    @Test func aWrongAnswerIsScoredZeroWithoutAnError() async throws {
        let result = try await evaluator().evaluate(Self.request, chat: ScriptedModel.saying("no idea"))
        guard case .scored(let evaluation) = result else { Issue.record("\(result)"); return }
        #expect(evaluation.score == .zero && evaluation.document["error"] == nil)
    }

    @Test func theModelIsAskedWithTheCallersSettings() async throws {
        let task = try reference()
        let model = ScriptedModel { request throws(ChatFailure) in
            let isRight =
                request.messages == task.prompt && request.temperature == 0.5 && request.seed == 99
                && request.maxTokens == task.maxTokens && request.timeout == .seconds(9)
            return ChatReply(content: isRight ? task.referenceAnswer : "")
        }
        #expect(try await evaluator().evaluate(Self.request, chat: model).evaluation.score == .one)
    }

    @Test(arguments: [
        (ChatFailure(.timedOut, "slow"), true), (ChatFailure(.contextOverflow, "long"), true),
        (ChatFailure(.unreachable, "gone"), false),
        (ChatFailure(.overloaded(status: 503, retryAfter: nil), "busy"), false),
    ]) func aModelsFailureComesBackTyped(failure: ChatFailure, counts: Bool) async throws {
        let model = ScriptedModel { _ throws(ChatFailure) in throw failure }
        let result = try await evaluator().evaluate(Self.request, chat: model)
        guard case .unanswered(failure, let evaluation) = result else { Issue.record("\(result)"); return }
        #expect(evaluation.document["error_type"] == .string("llm_failure"))
        #expect(evaluation.document["score"] == .number(0))
        #expect(evaluation.document["extra"]?["valid_for_scoring"] == .bool(counts))
    }

    @Test func aBrokenEnvironmentIsNotTheModelsFault() async throws {
        let broken = Sandbox(bubblewrap: "/nowhere/bwrap")
        let result = try await evaluator(broken).evaluate(
            Self.request, chat: ScriptedModel.saying(reference().referenceAnswer))
        guard case .environmentFault(let fault, let evaluation) = result else { Issue.record("\(result)"); return }
        #expect(fault.failsOnEmptyAnswer)
        #expect(fault.detail.contains("bubblewrap"))
        #expect(evaluation.document["error_type"] == .string("environment_failure"))
        #expect(evaluation.document["extra"]?["valid_for_scoring"] == .bool(false))
    }

    @Test func aTaskThatDoesNotExistIsRefused() async throws {
        var request = Self.request
        request.difficulty = 12
        await #expect(throws: InvalidValue.self) {
            try await evaluator().evaluate(request, chat: ScriptedModel.saying(""))
        }
    }
}
