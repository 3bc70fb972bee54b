import HTTPClient
import Inference
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct ServingTests {
    private static let list = #"{"object":"list","data":[{"id":"owner/name","root":"/models/x"},{"id":"other/one"}]}"#

    @Test func modelsAreListedByTheirIds() async throws {
        let server = endpoint(.answer(body: Self.list.utf8))
        #expect(try await client(server, apiKey: "key-1").models() == ["owner/name", "other/one"])
        #expect(server.log.requests.map(\.line) == ["GET /v1/models HTTP/1.1"])
        #expect(server.log.requests.first?.header("authorization") == "Bearer key-1")
    }

    @Test func anEndpointServesOnlyWhatItLists() async throws {
        let server = endpoint(.answer(body: Self.list.utf8))
        #expect(try await client(server, model: "owner/name").serves() == .wantedModel)
        #expect(try await client(server, model: "Owner/Name").serves() == .otherModels(["owner/name", "other/one"]))
        #expect(try await client(endpoint(.answer(body: #"{"data":[]}"#.utf8))).serves() == .otherModels([]))
    }

    @Test(
        arguments: [
            (
                LoopbackServer.Step.answer(503, headers: ["retry-after: 5"]),
                .overloaded(status: 503, retryAfter: .seconds(5))
            ),
            (.answer(body: #"{"data":{}}"#.utf8), .malformedReply), (.answer(404), .refused(status: 404)),
            (.close, .unreachable),
        ] as [(LoopbackServer.Step, ChatFailure.Reason)])
    func anEndpointThatDoesNotListSaysWhy(step: LoopbackServer.Step, reason: ChatFailure.Reason) async throws {
        guard case .unanswered(let failure) = try await client(endpoint(step)).serves() else {
            Issue.record("it answered")
            return
        }
        #expect(failure.reason == reason)
    }

    @Test func anEndpointThatHangsIsGivenUpAtTheDeadline() async throws {
        guard case .unanswered(let failure) = try await client(endpoint(.hold)).serves(timeout: .seconds(2))
        else {
            Issue.record("it answered")
            return
        }
        #expect(failure.reason == .timedOut)
    }
}
