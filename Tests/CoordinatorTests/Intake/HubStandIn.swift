import Coordinator
import Digest
import Domain
import Foundation
import HTTPClient
import Synchronization
import TestSupport

/// Serves models as the hub does, with its errors, from memory.
final class HubStandIn: Sendable {
    /// One repository; every revision but `missingRevisions` is there.
    struct Repository: Sendable {
        var weights: [String] = ["weights"]
        var config = #"{"hidden_size": 64}"#
        var titles = ["initial commit"]
        /// Of the tokenizer's configuration.
        var template: String? = "{{ messages }}"
        /// Further files by their names.
        var files: [String: String] = [:]
        var isPrivate = false
        var gated = "false"
        var isDisabled = false
        /// What the revision resolves to, when it is not itself.
        var commit: String?
        var hasRevision = true
        /// Answers with this status and nothing else.
        var status: Int?
        /// Further headers of that answer.
        var headers: [String] = []
    }

    private let server: LoopbackServer
    let client: HubClient
    private let http = HTTPClient()

    init() {
        let shelf = Shelf()
        server = LoopbackServer { request in [Self.answer(to: request, from: shelf.value)] }
        client = HubClient(http: http, base: server.url, token: "hf_secret")
        self.shelf = shelf
    }

    /// Shared with the server's thread.
    private final class Shelf: Sendable {
        private let stored = Mutex<[String: Repository]>([:])
        var value: [String: Repository] {
            get { stored.withLock { $0 } }
            set { stored.withLock { $0 = newValue } }
        }
    }

    private let shelf: Shelf

    subscript(name: String) -> Repository? {
        get { shelf.value[name] }
        set { shelf.value[name] = newValue }
    }

    /// Paths that were asked for.
    var requests: [String] { server.log.requests.map { String($0.line.split(separator: " ")[1]) } }
    var tokens: [String?] { server.log.requests.map { $0.header("authorization") } }

    private static func answer(
        to request: LoopbackServer.Request, from repositories: [String: Repository]
    ) -> LoopbackServer.Step {
        let path = request.line.split(separator: " ")[1].split(separator: "?")[0].split(separator: "/").map(String.init)
        let isInfo = path.starts(with: ["api", "models"]) && path.count == 6
        let (owner, name) = isInfo ? (path[2], path[3]) : (path[0], path[1])
        guard let repository = repositories["\(owner)/\(name)"] else {
            return .answer(404, headers: ["x-error-code: RepoNotFound"])
        }
        if let status = repository.status { return .answer(status, headers: ["retry-after: 30"] + repository.headers) }
        guard repository.hasRevision else { return .answer(404, headers: ["x-error-code: RevisionNotFound"]) }
        let json = ["content-type: application/json"]
        switch (isInfo, isInfo ? path[4] : path[2], path.last) {
        case (true, "revision", let revision):
            return .answer(headers: json, body: Array(info(repository, revision ?? "").utf8))
        case (true, "commits", _):
            let titles = repository.titles.map { #"{"id": "x", "title": "\#($0)"}"# }.joined(separator: ",")
            return .answer(headers: json, body: Array("[\(titles)]".utf8))
        case (false, "resolve", "config.json"):
            return .answer(307, headers: ["location: /\(owner)/\(name)/cache/config.json"])
        case (false, "cache", "config.json"):
            return .answer(headers: json, body: Array(repository.config.utf8))
        case (false, "resolve", let name?) where repository.files[name] != nil:
            return .answer(body: Array((repository.files[name] ?? "").utf8))
        case (false, "resolve", "tokenizer_config.json"):
            let template = repository.template.map { #"{"chat_template": "\#($0)"}"# } ?? "{}"
            return .answer(headers: json, body: Array(template.utf8))
        default: return .answer(404, headers: ["x-error-code: EntryNotFound"])
        }
    }

    private static func info(_ repository: Repository, _ revision: String) -> String {
        let files = repository.weights.enumerated().map { index, content in
            """
            {"rfilename": "model-\(index).safetensors", "size": 9,
             "lfs": {"sha256": "\(SHA256Digest(of: content).hex)", "size": 9}}
            """
        }
        let all = (files + [#"{"rfilename": "config.json", "size": 20}"#]).joined(separator: ",")
        return """
            {"id": "x", "sha": "\(repository.commit ?? revision)", "private": \(repository.isPrivate),
             "gated": \(repository.gated), "disabled": \(repository.isDisabled), "siblings": [\(all)]}
            """
    }
}
