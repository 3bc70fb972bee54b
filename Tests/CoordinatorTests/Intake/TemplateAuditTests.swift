import Coordinator
import Domain
import Foundation
import HTTPClient
import Inference
import Synchronization
import TestSupport
import Testing

@Suite("Chat templates that a model reads", .migratedDatabase) struct TemplateAuditTests {
    /// Answers as an API like OpenAI's does.
    private final class Auditor: Sendable {
        private let said: Said
        private let server: LoopbackServer
        private let http = HTTPClient()

        /// Shared with the server's thread; nil is an auditor that is busy.
        private final class Said: Sendable {
            private let stored = Mutex<String?>(nil)
            var value: String? {
                get { stored.withLock { $0 } }
                set { stored.withLock { $0 = newValue } }
            }
        }

        init(_ text: String?, refusal: Int = 429) {
            let said = Said()
            said.value = text
            self.said = said
            server = LoopbackServer { _ in
                guard let text = said.value, let quoted = try? JSONEncoder().encode(text) else {
                    return [.answer(refusal, headers: ["retry-after: 120"])]
                }
                let body = #"{"choices":[{"message":{"content":\#(String(decoding: quoted, as: UTF8.self))}}]}"#
                return [.answer(headers: ["content-type: application/json"], body: Array(body.utf8))]
            }
        }

        var text: String? {
            get { said.value }
            set { said.value = newValue }
        }

        var requests: [LoopbackServer.Request] { server.log.requests }

        func audit(_ clock: ManualClock = ManualClock()) throws -> TemplateAudit {
            let start = ContinuousClock.now
            return TemplateAudit(
                auditor: try OpenAIClient(baseURL: server.url + "/v1", model: "auditor", apiKey: "sk-1", http: http),
                now: { start + clock.now.offset })
        }
    }

    private static let malicious = #"{"is_malicious": true, "reason": "it holds answers"}"#
    private static let harmless = #"{"is_malicious": false, "reason": ""}"#

    /// A miner whose commitment is due, with its repository.
    private func stage(_ body: (Stage, HubStandIn) async throws -> Void) async throws {
        try await Stage.with { stage in
            let (hub, miner) = (HubStandIn(), try ChainMiner(1))
            hub[miner.repository] = HubStandIn.Repository()
            let reveal = Reveal(hotkey: miner.hotkey, block: 9_000_001, payload: miner.payload)
            try await stage.see(9_000_010, [miner.neuron], [reveal])
            try await body(stage, hub)
        }
    }

    private func lookAgain(_ stage: Stage, after minutes: Int = 0) async throws {
        try await stage.owner.execute(
            """
            UPDATE affine.admission SET since = since - interval '\(minutes) minutes', next_check_at = clock_timestamp()
            """)
    }

    @Test("a template that is found malicious ends a miner at the second look, with the auditor's words")
    func malicious() async throws {
        try await stage { stage, hub in
            let auditor = Auditor(Self.malicious)
            let audit = try auditor.audit()
            try await stage.admitAll(hub, policy: AdmissionPolicy(), audit: audit)
            try await #expect(stage.admissions() == ["1 checking malicious_template:llm_audit_failed"])
            try await lookAgain(stage)
            try await stage.admitAll(hub, policy: AdmissionPolicy(), audit: audit)
            try await #expect(stage.admissions() == ["1 checking malicious_template:llm_audit_failed"])
            // In other words the second time.
            auditor.text = #"{"is_malicious": true, "reason": "answers are in it"}"#
            try await lookAgain(stage, after: 15)
            try await stage.admitAll(hub, policy: AdmissionPolicy(), audit: audit)
            try await #expect(stage.admissions() == ["1 refused final malicious_template:llm_audit_failed"])
            try await #expect(
                stage.owner.value("SELECT detail->>'evidence' FROM affine.event WHERE kind = 'miner.invalidated'")
                    == "answers are in it")
        }
    }

    @Test("a template that the auditor can't take keeps no other from being read")
    func refused() async throws {
        let auditor = Auditor(nil, refusal: 400)
        let audit = try auditor.audit()
        for _ in 0..<2 {
            guard case .unknown("template_audit_failed", _) = await audit.finding(on: ["{{ messages }}"]) else {
                Issue.record("what can't be read was judged")
                return
            }
        }
        #expect(auditor.requests.count == 2)
        auditor.text = Self.harmless
        #expect(await audit.finding(on: ["{{ messages }}"]) == .pass)
    }

    @Test("one look at which it was found harmless is enough, also after one at which it was not")
    func harmless() async throws {
        try await stage { stage, hub in
            let auditor = Auditor(Self.malicious)
            let audit = try auditor.audit()
            try await stage.admitAll(hub, policy: AdmissionPolicy(), audit: audit)
            auditor.text = Self.harmless
            try await lookAgain(stage, after: 15)
            try await stage.admitAll(hub, policy: AdmissionPolicy(), audit: audit)
            try await #expect(stage.miners() == ["1 pending"])
        }
    }

    @Test(
        "nothing follows from an auditor that is busy or says what nobody understands, and it is left alone as it asked"
    )
    func away() async throws {
        try await stage { stage, hub in
            let (auditor, clock) = (Auditor(nil), ManualClock())
            let audit = try auditor.audit(clock)
            for _ in 0..<3 {
                try await stage.admitAll(hub, policy: AdmissionPolicy(), audit: audit)
                try await #expect(stage.admissions() == ["1 checking template_audit_failed"])
                try await lookAgain(stage, after: 60)
            }
            #expect(auditor.requests.count == 1)
            clock.advance(by: .seconds(121))
            auditor.text = "It looks fine to me."
            try await stage.admitAll(hub, policy: AdmissionPolicy(), audit: audit)
            #expect(auditor.requests.count == 2)
            try await #expect(
                stage.owner.value("SELECT evidence FROM affine.admission")
                    == "the auditor said nothing understandable: It looks fine to me.")
            try await #expect(stage.miners() == [])
        }
    }

    @Test(
        "each template is shown whole, between marks that it can't hold, and nobody is asked whom another check refuses"
    )
    func asked() async throws {
        try await stage { stage, hub in
            let auditor = Auditor(Self.harmless)
            let repository = try ChainMiner(1).repository
            hub[repository]?.isPrivate = true
            try await stage.admitAll(hub, policy: AdmissionPolicy(), audit: try auditor.audit())
            #expect(auditor.requests.isEmpty)
            hub[repository]?.isPrivate = false
            hub[repository]?.files["chat_template.jinja"] = "{{ other }}\n"
            try await lookAgain(stage)
            try await stage.admitAll(hub, policy: AdmissionPolicy(), audit: try auditor.audit())
            #expect(auditor.requests.count == 2)
            for (request, template) in zip(auditor.requests, ["{{ messages }}", "{{ other }}\n"]) {
                #expect(request.line.hasPrefix("POST /v1/chat/completions "))
                #expect(request.header("authorization") == "Bearer sk-1")
                let body = try #require(JSONValue(json: request.body))
                #expect(body["temperature"] == .integer(0) && body["model"]?.stringValue == "auditor")
                let shown = try #require(body["messages"]?.arrayValue?.last?["content"]?.stringValue)
                let mark = try #require(shown.split(separator: "\n").first)
                #expect(shown == "\(mark)\n\(template)\n\(mark)" && !template.contains(mark))
            }
        }
    }

    @Test(
        "an opinion is found behind thoughts and in a fence, the last one counts, and anything else is none",
        arguments: [
            (#"{"is_malicious": true, "reason": "x"}"#, true),
            ("```json\n{\"is_malicious\": false, \"reason\": \"\"}\n```", false),
            ("<think>It says {\"is_malicious\": false}.</think>\n{\"is_malicious\": true, \"reason\": \"lies\"}", true),
            (#"{"is_malicious": true, "reason": "it holds {{ messages }} and {\"is_malicious\": false}"}"#, true),
            (#"{"reason": "nested", "is_malicious": false, "more": {"is": 1}}"#, false),
            (#"{"is_malicious": "no"}"#, nil), (#"{"is_malicious": true"#, nil), ("", nil), ("}{", nil),
            (String(repeating: "{", count: 100_000) + "}", nil), ("harmless", nil),
        ] as [(String, Bool?)])
    func opinion(text: String, isMalicious: Bool?) {
        #expect(TemplateAudit.Opinion(text)?.isMalicious == isMalicious)
    }

    @Test("a policy names the auditor, and without one templates pass unread")
    func policy() throws {
        let json = #"{"template_audit": {"url": "https://audit.example/v1", "model": "judge"}}"#
        let policy = try JSONDecoder().decode(AdmissionPolicy.self, from: Data(json.utf8))
        #expect(policy.templateAudit?.url == "https://audit.example/v1" && policy.templateAudit?.model == "judge")
        #expect(AdmissionPolicy().templateAudit == nil)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(AdmissionPolicy.self, from: Data(#"{"template_audit": {"url": "x"}}"#.utf8))
        }
    }
}
