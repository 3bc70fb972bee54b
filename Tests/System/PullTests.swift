import Domain
import FoundationEssentials
import TestSupport
import Testing

/// `af pull`: a miner of a real arena, the real hub client, and a hub in memory.
@Suite(.finishedDemo, .serialized, .timeLimit(.minutes(10))) struct PullTests {
    /// A miner of the demo, an arena's API and a hub that has its model.
    private struct Shelf: Sendable {
        let api: String
        let hub: HubFolder
        let miner: JSONValue
        let repository: String
        let revision: String
        var target: String { "\(hub.path)/pulled" }
        var isThere: Bool { FileManager.default.fileExists(atPath: target) }

        func pull(_ arguments: String..., token: String = "") async throws -> Program.Ended {
            try await Program.run(
                ["pull"] + arguments + ["--to", target, "--api", api, "--hub-client", hub.path, "--json"],
                environment: ["HF_ENDPOINT": hub.url, "HF_TOKEN": token])
        }

        /// Puts the model on the hub, with further members of its repository.
        func stock(_ more: String = "") throws {
            try hub.write(
                #"{"token": "hf_secret", "repositories": {"\#(repository)": {\#(more) "commits": [{"id": "\#(revision)", "#
                    + #""title": "first", "files": {"config.json": "{}", "model.safetensors": "0123456789"}}]}}}"#)
        }
    }

    private static func open(_ body: @escaping @Sendable (Shelf) async throws -> Void) async throws {
        try await PublicAPITests.serving(FinishedDemo.current.folder) { urls in
            let api = try #require(urls.first { $0.hasSuffix("/api/v1") })
            let miner = try await Program.run("get-miner", "1", "--api", api).json()
            try await HubFolder.serving(#"{"repositories": {}}"#) { hub in
                try await body(
                    Shelf(
                        api: api, hub: hub, miner: miner, repository: try #require(miner["model"]?.stringValue),
                        revision: try #require(miner["revision"]?.stringValue)))
            }
        }
    }

    @Test("a miner's model is fetched at the revision that it committed, by uid or hotkey, into a folder of its own")
    func whole() async throws {
        try await Self.open { shelf in
            try shelf.stock()
            let ended = try await shelf.pull("1")
            #expect(ended.exitCode == 0, "\(ended.errors)")
            let report = try ended.json()
            #expect(report["revision"] == .string(shelf.revision) && report["model"] == .string(shelf.repository))
            #expect(
                report["success"] == .bool(true) && report["files"] == .integer(2) && report["bytes"] == .integer(12))
            #expect(try FileManager.default.contentsOfDirectory(atPath: shelf.target).count == 2)
            let weights = FileManager.default.contents(atPath: "\(shelf.target)/model.safetensors")
            #expect(weights == Data("0123456789".utf8))
            let again = try await shelf.pull("--hotkey", shelf.miner["hotkey"]?.stringValue ?? "")
            #expect(again.exitCode == 1)
            #expect(again.complaints.first?.contains("'\(shelf.target)' is there already") == true, "\(again.errors)")
            let nobody = try await shelf.pull("65000")
            #expect(nobody.exitCode == 1 && nobody.errors.contains("there is no such miner (status 404)"))
        }
    }

    @Test("a pull that was cut off leaves no folder, and fetches only what is missing when it is tried again")
    func cut() async throws {
        try await Self.open { shelf in
            try shelf.stock(#""fault": "cut","#)
            let ended = try await shelf.pull("1")
            #expect(ended.exitCode == 1 && !shelf.isThere)
            try shelf.stock()
            let resumed = try await shelf.pull("1")
            #expect(resumed.exitCode == 0, "\(resumed.errors)")
            let fetched = try shelf.hub.requests.filter { $0.hasPrefix("GET /\(shelf.repository)/resolve/") }
            #expect(fetched == ["GET /\(shelf.repository)/resolve/\(shelf.revision)/model.safetensors"])
            let weights = FileManager.default.contents(atPath: "\(shelf.target)/model.safetensors")
            #expect(weights == Data("0123456789".utf8))
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: shelf.hub.path).allSatisfy {
                    !$0.contains("partial")
                })
        }
    }

    @Test("bytes that are not those of the hub's hash are refused and fetched anew")
    func wrong() async throws {
        try await Self.open { shelf in
            try shelf.stock(#""fault": "wrong","#)
            let ended = try await shelf.pull("1")
            #expect(ended.exitCode == 1 && !shelf.isThere)
            #expect(ended.complaints.first?.contains("'model.safetensors' has the hash") == true, "\(ended.errors)")
            try shelf.stock()
            #expect(try await shelf.pull("1").exitCode == 0)
        }
    }

    @Test("what the hub refuses is told with its status and what it takes")
    func refused() async throws {
        try await Self.open { shelf in
            for (more, message) in [
                (#""private": true,"#, "there is no repository '\(shelf.repository)' that may be seen (status 401)"),
                (#""gated": "auto","#, "'\(shelf.repository)' is gated: ask for access on the hub"),
                (#""status": 403,"#, "the hub does not allow that with '\(shelf.repository)' (status 403)"),
            ] {
                try shelf.stock(more)
                let ended = try await shelf.pull("1")
                #expect(ended.exitCode == 1 && !shelf.isThere)
                #expect(ended.complaints.contains { $0.contains(message) }, "\(ended.errors)")
            }
            try shelf.stock(#""private": true,"#)
            #expect(try await shelf.pull("1", token: "hf_secret").exitCode == 0)
        }
    }

    @Test("a repository or commit that is gone is told by name")
    func gone() async throws {
        try await Self.open { shelf in
            try shelf.hub.write(#"{"token": "hf_secret", "repositories": {}}"#)
            let gone = try await shelf.pull("1", token: "hf_secret")
            #expect(gone.errors.contains("there is no repository '\(shelf.repository)' that may be seen (status 404)"))
            try shelf.hub.write(
                #"{"repositories": {"\#(shelf.repository)": {"commits": [{"id": "x", "title": "t", "files": {}}]}}}"#)
            let moved = try await shelf.pull("1")
            #expect(moved.exitCode == 1)
            #expect(moved.errors.contains("'\(shelf.repository)' has no commit '\(shelf.revision)'"), "\(moved.errors)")
        }
    }
}
