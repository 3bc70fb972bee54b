import Coordinator
import CoordinatorAPI
import Digest
import Domain
import FoundationEssentials
import HTTPClient
import Hummingbird
import Subprocess
import SystemPackage
import TestSupport
import Testing

@Suite("The operators' API", .migratedDatabase, .timeLimit(.minutes(5))) struct OperatorAPITests {
    private func serving(
        _ stage: Stage, _ body: @escaping @Sendable (Asker) async throws -> Void
    ) async throws {
        let router = Router(context: ClientContext.self)
        OperatorAPI(database: stage.coordinator, settings: ArenaSettings(), logger: FreshDatabase.logger)
            .addRoutes(to: router)
        try await Served.with(router) { try await body(Asker(url: "\($0)/api/v1/operator", http: $1)) }
    }

    private struct Asker: Sendable {
        let url: String
        let http: HTTPClient

        /// - Parameter token: Nil to send none.
        func post(_ path: String, _ token: String?, body: String = #"{"reason": "a test"}"#) async throws -> (
            status: Int, detail: String
        ) {
            let reply = try await Reply.post(body, to: "\(url)/\(path)", token: token, http)
            return (reply.status, reply.body["detail"]?.stringValue ?? "")
        }
    }

    private func token(
        _ stage: Stage, _ scopes: Set<OperatorScope>, name: String = "alice"
    ) async throws -> String {
        try await OperatorTokens(database: stage.coordinator).create(name, scopes: scopes, days: 30, reason: "on call")
    }

    @Test("whoever holds a token does what it allows, and the log says who and why")
    func acts() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            let all = try await token(stage, Set(OperatorScope.allCases))
            try await stage.play([miners[0]]) { _ in .scored(500) }
            try await serving(stage) { asker in
                for path in [
                    "arena/pause", "arena/resume", "windows/rotate", "miners/\(miners[2].hotkey)/invalidate",
                    "miners/\(miners[2].hotkey)/reinstate", "contests/2/void",
                ] {
                    let answer = try await asker.post(path, all)
                    #expect(answer.status == 200, "\(path): \(answer)")
                }
                let again = try await asker.post("contests/2/void", all)
                #expect(again.status == 409 && again.detail.contains("the contest that runs"))
                let champion = try await asker.post("miners/\(miners[0].hotkey)/reinstate", all)
                #expect(champion.status == 409 && champion.detail.contains("is champion"), "\(champion)")
            }
            try await #expect(
                stage.owner.column(
                    "SELECT kind FROM affine.event WHERE actor = 'operator alice' AND reason = 'a test' ORDER BY id")
                    == [
                        "arena.paused", "arena.resumed", "arena.rotation_asked", "miner.invalidated",
                        "miner.reinstated",
                        "contest.void_asked",
                    ])
            try await #expect(stage.verdicts() == ["void"])
        }
    }

    @Test("without a token that allows it, or without a reason, nothing is done")
    func refused() async throws {
        try await Stage.with { stage in
            try await stage.prepare("ab")
            let miners = try await token(stage, [.miners])
            let tokens = OperatorTokens(database: stage.coordinator)
            let revoked = try await token(stage, [.arena], name: "bob")
            try await tokens.revoke("bob", reason: "left")
            let expired = try await token(stage, [.arena], name: "carol")
            try await stage.owner.execute(
                """
                SET session_replication_role = replica;
                UPDATE affine.operator_token SET created_at = created_at - interval '40 days', expires_at = expires_at - interval '40 days'
                WHERE name = 'carol';
                SET session_replication_role = origin
                """)
            try await serving(stage) { asker in
                let other = String(miners.dropLast()) + (miners.hasSuffix("0") ? "1" : "0")
                for (token, status, words) in [
                    (nil, 401, "a token is needed"), ("x", 401, "none of this arena's"),
                    (other, 401, "none of this arena's"),
                    (miners, 403, "token 'alice' lacks the scope 'arena'"), (revoked, 401, "token 'bob' was revoked"),
                    (expired, 401, "token 'carol' has expired"),
                ] as [(String?, Int, String)] {
                    let answer = try await asker.post("arena/pause", token)
                    #expect(answer.status == status && answer.detail.contains(words), "\(answer)")
                }
                let arena = try await self.token(stage, [.arena], name: "dora")
                for (body, status) in [
                    ("", 422), ("{}", 422), (#"{"reason": "  "}"#, 422), (#"{"reason": 1}"#, 422),
                    (#"{"reason": "a\u0000b"}"#, 422),
                    (#"{"reason": "\#(String(repeating: "x", count: 1_001))"}"#, 422),
                    (String(repeating: " ", count: 20_000), 413),
                ] {
                    #expect(
                        try await asker.post("arena/pause", arena, body: body).status == status, "\(body.prefix(20))")
                }
                #expect(try await asker.post("miners/x/invalidate", miners).status == 404)
                let contest = try await asker.post("contests/x/void", miners)
                #expect(contest.status == 404 && contest.detail == "'x' is no contest: expected its number")
                #expect(try await asker.post("nothing", arena).status == 404)
            }
            try await #expect(stage.owner.value("SELECT paused_reason IS NULL FROM affine.arena_control") == "true")
            try await #expect(stage.events("arena.paused") == 0)
        }
    }

    @Test("a token is stored as its digest alone, named once, and revoked once")
    func stored() async throws {
        try await Stage.with { stage in
            let token = try await token(stage, [.arena, .miners])
            let secret = try #require(token.split(separator: ".").last)
            #expect(token.hasPrefix("affine.alice.") && secret.count == 64)
            try await #expect(
                stage.owner.value("SELECT encode(digest, 'hex') FROM affine.operator_token")
                    == SHA256Digest(of: String(secret)).hex)
            let tokens = OperatorTokens(database: stage.coordinator)
            let list = try await tokens.list()
            #expect(list.map { $0["state"] } == [.string("valid")] && list[0]["scopes"] == .string("arena miners"))
            #expect(!"\(list)".contains(secret))
            for (name, scopes, days) in [
                ("alice", [.arena], 1), ("Bob", [.arena], 1), ("-b", [.arena], 1), ("bob", [], 1), ("bob", [.arena], 0),
                ("bob", [.arena], 4_000),
            ] as [(String, Set<OperatorScope>, Int)] {
                await #expect(throws: InvalidValue.self) {
                    try await tokens.create(name, scopes: scopes, days: days, reason: "why")
                }
            }
            await #expect(throws: InvalidValue.self) {
                try await tokens.create("bob", scopes: [.arena], days: 1, reason: " ")
            }
            try await tokens.revoke("alice", reason: "lost")
            await #expect(throws: InvalidValue.self) { try await tokens.revoke("alice", reason: "again") }
            await #expect(throws: InvalidValue.self) { try await tokens.revoke("nobody", reason: "why") }
            try await #expect(stage.events("token.created") == 1)
            try await #expect(stage.events("token.revoked") == 1)
            for change in ["SET revoked_at = NULL, revoked_reason = ''", "SET scopes = ARRAY['contests']"] {
                await #expect(throws: (any Error).self) {
                    try await stage.owner.execute("UPDATE affine.operator_token \(change)")
                }
            }
            await #expect(throws: (any Error).self) {
                try await stage.owner.execute("DELETE FROM affine.operator_token")
            }
        }
    }

    @Test("it answers as its OpenAPI document says, whatever is asked, and nobody acts without a token")
    func document() async throws {
        try await Stage.with { stage in
            try await stage.prepare("ab")
            let all = try await token(stage, Set(OperatorScope.allCases))
            let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
            try await serving(stage) { asker in
                let fuzzed = try await Subprocess.run(
                    .path(FilePath(root.appending(path: ".build/schemathesis/bin/schemathesis").path)),
                    arguments: [
                        "run", "\(asker.url)/openapi.json", "--seed", "1", "--max-examples", "50", "--no-color",
                        "--continue-on-failure", "--header", "Authorization: Bearer \(all)",
                    ],
                    workingDirectory: FilePath(FileManager.default.temporaryDirectory.path), input: .none,
                    output: .string(limit: 1 << 22), error: .string(limit: 1 << 20))
                let report = fuzzed.standardOutput
                #expect(fuzzed.terminationStatus == .exited(0), "\(report)\(fuzzed.standardError)")
                #expect(report.contains("6 selected / 6 total") && report.contains("Fuzzing"), "\(report)")
            }
        }
    }
}
