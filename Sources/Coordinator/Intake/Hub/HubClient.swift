package import Domain
public import HTTPClient

/// Asks the HuggingFace hub over HTTP, one question at a time. What a revision holds never changes, so an answer is kept;
/// whether it may be seen is asked anew each time.
public actor HubClient: Hub {
    private let http: HTTPClient
    private let base: String
    private let token: String?
    private let now: @Sendable () -> ContinuousClock.Instant
    private var contents: [ModelReference: HubModel] = [:]
    /// The hub asked for a pause until then.
    private var pausedUntil: ContinuousClock.Instant?

    private static let mostKept = 1_000
    private static let mostRedirects = 3

    /// - Parameters:
    ///   - base: Such as `https://huggingface.co`.
    ///   - token: Sent to the hub itself only.
    ///   - now: The clock that pauses are measured by.
    public init(
        http: HTTPClient, base: String = "https://huggingface.co", token: String? = nil,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.http = http
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
        self.token = token
        self.now = now
    }

    package func look(at model: ModelReference) async -> HubAnswer {
        do throws(Trouble) {
            var found = try await info(of: model)
            if let kept = contents[model], kept.commit == found.commit {
                (found.config, found.commitTitles) = (kept.config, kept.commitTitles)
                found.chatTemplates = kept.chatTemplates
                return .found(found)
            }
            guard !found.isPrivate, !found.isGated, !found.isDisabled else { return .found(found) }
            found.config = try await file("config.json", of: model).flatMap(Self.json)
            found.chatTemplates = try await templates(of: model)
            found.commitTitles = try await titles(of: model)
            // What was missing is asked for again: it may have been missing for a moment only.
            guard found.config != nil, !found.chatTemplates.isEmpty else { return .found(found) }
            if contents.count >= Self.mostKept { contents.removeAll() }
            contents[model] = found
            return .found(found)
        } catch {
            return error.answer
        }
    }

    private struct Trouble: Error {
        var answer: HubAnswer
    }

    private func info(of model: ModelReference) async throws(Trouble) -> HubModel {
        let answer = try await get("/api/models/\(model.repository)/revision/\(model.revision)?blobs=true")
        guard let body = Self.json(answer.body), let commit = body["sha"]?.stringValue else {
            throw Trouble(answer: .unavailable("the hub's answer about \(model) has no sha"))
        }
        var found = HubModel(commit: commit)
        found.isPrivate = body["private"] == .bool(true)
        found.isDisabled = body["disabled"] == .bool(true)
        // `false`, `"auto"` or `"manual"`.
        found.isGated = body["gated"].map { $0 != .bool(false) && $0 != .null } ?? false
        found.weightHashes = (body["siblings"]?.arrayValue ?? []).compactMap { file in
            let name = file["rfilename"]?.stringValue ?? ""
            return HubModel.isWeights(name) ? file["lfs"]?["sha256"]?.stringValue : nil
        }
        return found
    }

    /// Nil when there is no such file.
    private func file(_ name: String, of model: ModelReference) async throws(Trouble) -> [UInt8]? {
        do throws(Trouble) {
            return try await get("/\(model.repository)/resolve/\(model.revision)/\(name)").body
        } catch {
            guard [.repositoryMissing, .revisionMissing].contains(error.answer) else { throw error }
            return nil
        }
    }

    private func templates(of model: ModelReference) async throws(Trouble) -> [String] {
        var templates: [String] = []
        for name in HubModel.templateFiles {
            guard let bytes = try await file(name, of: model) else { continue }
            templates += HubModel.templates(in: name, bytes)
        }
        return templates
    }

    private func titles(of model: ModelReference) async throws(Trouble) -> [String] {
        let answer = try await get("/api/models/\(model.repository)/commits/\(model.revision)?limit=500")
        return Self.json(answer.body)?.arrayValue?.compactMap { $0["title"]?.stringValue } ?? []
    }

    private func get(_ path: String) async throws(Trouble) -> HTTPResponse {
        if let pausedUntil, now() < pausedUntil {
            throw Trouble(answer: .unavailable("the hub asked for a pause"))
        }
        var url = base + path
        for _ in 0...Self.mostRedirects {
            let isHub = url.hasPrefix(base + "/")
            let headers = isHub ? token.map { [("authorization", "Bearer \($0)")] } ?? [] : []
            let answer: HTTPResponse
            do throws(HTTPError) {
                // A hub of our own network may send to others there; one that proved who it is has no business with them.
                let isAway = !isHub && base.lowercased().hasPrefix("https://")
                answer = try await http.send(
                    HTTPRequest(
                        url: url, headers: headers, timeout: .seconds(30), maximumResponseBytes: 32 << 20,
                        onlyPublicAddresses: isAway))
            } catch { throw Trouble(answer: .unavailable(error.description)) }
            guard [301, 302, 303, 307, 308].contains(answer.status), let place = answer.headers["location"] else {
                return try understood(answer, about: path)
            }
            guard let next = Self.target(of: place, from: base) else {
                throw Trouble(answer: .unavailable("\(path) is redirected to \(place), without TLS"))
            }
            url = next
        }
        throw Trouble(answer: .unavailable("\(path) is redirected again and again"))
    }

    /// Where a redirect leads. Nil where a hub that proved who it is sends to somebody who does not, such as a service inside our
    /// own network.
    package static func target(of place: String, from base: String) -> String? {
        let url = place.hasPrefix("/") ? base + place : place
        let isProven = { (url: String) in url.lowercased().hasPrefix("https://") }
        return isProven(base) && !isProven(url) ? nil : url
    }

    private func understood(_ answer: HTTPResponse, about path: String) throws(Trouble) -> HTTPResponse {
        switch answer.status {
        case 200: return answer
        case 401, 403:
            // That says something of our token, and nothing of the model.
            if answer.headers["x-error-message"]?.lowercased().contains("invalid credentials") == true {
                throw Trouble(answer: .unavailable("the hub refuses our token (HF_TOKEN)"))
            }
            switch answer.headers["x-error-code"] {
            case "GatedRepo": throw Trouble(answer: .gated)
            case "RepoNotFound": throw Trouble(answer: .repositoryMissing)
            default: throw Trouble(answer: .accessDenied)
            }
        case 404:
            let isRevision = answer.headers["x-error-code"] == "RevisionNotFound"
            throw Trouble(answer: isRevision ? .revisionMissing : .repositoryMissing)
        case 429:
            let seconds = answer.headers["retry-after"].flatMap { Int64($0) } ?? 60
            pausedUntil = now() + .seconds(min(max(1, seconds), 3_600))
            fallthrough
        default: throw Trouble(answer: .unavailable("the hub answered \(answer.status) about \(path)"))
        }
    }

    private static func json(_ bytes: [UInt8]) -> JSONValue? {
        JSONValue(json: bytes)
    }
}
