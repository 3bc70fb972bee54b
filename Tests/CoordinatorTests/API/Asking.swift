import Domain
import FoundationEssentials
import HTTPClient

/// What an API answered.
struct Reply: Sendable {
    let status: Int
    let bytes: [UInt8]
    private let fields: [(name: String, value: String)]

    /// Asks with the client that everything else uses.
    static func get(_ url: String, _ http: HTTPClient, etag: String? = nil) async throws -> Reply {
        try await ask("GET", url, etag.map { [("if-none-match", $0)] } ?? [], http)
    }

    static func ask(
        _ method: String, _ url: String, _ headers: [(name: String, value: String)], _ http: HTTPClient
    ) async throws -> Reply {
        let response = try await http.send(HTTPRequest(method: method, url: url, headers: headers))
        return Reply(status: response.status, bytes: response.body, fields: response.headers.fields)
    }

    static func post(_ body: String, to url: String, token: String?, _ http: HTTPClient) async throws -> Reply {
        let headers = token.map { [(name: "authorization", value: "Bearer \($0)")] } ?? []
        let response = try await http.send(
            HTTPRequest(method: "POST", url: url, headers: headers, body: Array(body.utf8)))
        return Reply(status: response.status, bytes: response.body, fields: response.headers.fields)
    }

    /// `null` for what is no JSON.
    var body: JSONValue { (try? JSONDecoder().decode(JSONValue.self, from: Data(bytes))) ?? .null }

    func header(_ name: String) -> String? { fields.first { $0.name.lowercased() == name }?.value }
}
