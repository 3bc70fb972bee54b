package import Domain
internal import FoundationEssentials
package import HTTPClient

/// Reads an arena's public API, as those do who have no database. Tries once.
package struct ArenaClient: Sendable {
    /// Where the network's arena is.
    package static let networkURL = "https://api.affine.io/api/v1"

    private let base: String
    private let http: HTTPClient

    /// - Parameter url: With `/api/v1`; a trailing slash does not matter.
    /// - Throws: `InvalidValue` naming `arena's API`.
    package init(url: String, http: HTTPClient) throws(InvalidValue) {
        guard let checked = try? EndpointURL(url), !checked.hasQueryOrFragment else {
            throw InvalidValue(
                field: "arena's API", value: EndpointURL.redacted(malformed: url),
                expected: "an http or https URL such as \(Self.networkURL)")
        }
        base = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.http = http
    }

    /// - Parameter path: Below the API's address, such as `rank/current`.
    package func answer<Value: Decodable>(
        to path: String, as type: Value.Type = Value.self
    ) async throws(ArenaError) -> Value {
        let url = "\(base)/\(path)"
        let answer: HTTPResponse
        let place: EndpointURL
        do {
            place = try EndpointURL(url)
            answer = try await http.send(HTTPRequest(url: url))
        } catch {
            throw ArenaError(.unreachable, "the arena's API can't be read: \(error.detail)")
        }
        guard answer.status == 200 else {
            let body = JSONValue(json: answer.body)
            let reason = body?["detail"]?.stringValue ?? "no reason given"
            throw ArenaError(.refused(status: answer.status), "\(place): \(reason) (status \(answer.status))")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(answer.body))
        } catch {
            throw ArenaError(.malformed, "\(place) did not answer as an arena's API does: is it one?")
        }
    }

    /// - Throws: `ArenaError`, `.refused(status: 404)` when nobody has the uid.
    package func miner(uid: Int32) async throws(ArenaError) -> ArenaMiner {
        try await answer(to: "miners/uid/\(uid)")
    }
}
