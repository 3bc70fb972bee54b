internal import Domain
package import HTTPClient

/// Targon's API, as far as it is needed. Asks once: who may ask again decides it.
package struct TargonClient: Sendable {
    /// The most workloads of an answer; what is beyond it comes in pages.
    private static let pageSize = 200
    private static let mostPages = 100

    private let account: TargonAccount
    private let http: HTTPClient

    package init(account: TargonAccount, http: HTTPClient) {
        self.account = account
        self.http = http
    }

    /// All workloads of the account, or an error: never a part of them.
    package func workloads() async throws(TargonError) -> [Workload] {
        var workloads: [Workload] = []
        var cursor: String?
        for _ in 0..<Self.mostPages {
            let position = cursor.map { "&cursor=" + Self.percentEncoded($0) } ?? ""
            let page = try await answer("GET", "workloads", query: "?limit=\(Self.pageSize)\(position)")
            guard let items = page["items"]?.arrayValue else { throw malformed("GET", "workloads") }
            for item in items {
                guard let workload = Workload(item) else { throw malformed("GET", "workloads") }
                workloads.append(workload)
            }
            guard let next = page["next_cursor"]?.stringValue, !next.isEmpty else { return workloads }
            cursor = next
        }
        throw malformed("GET", "workloads")
    }

    package func create(_ order: WorkloadOrder) async throws(TargonError) -> Workload {
        guard let workload = Workload(try await answer("POST", "workloads", order.document)) else {
            throw malformed("POST", "workloads")
        }
        return workload
    }

    package func deploy(_ id: String) async throws(TargonError) {
        _ = try await send("POST", "workloads/\(id)/deploy")
    }

    /// The workload with its state as it is now.
    package func state(of workload: Workload) async throws(TargonError) -> Workload {
        let path = "workloads/\(workload.id)/state"
        let document = try await answer("GET", path)
        guard document["status"]?.stringValue != nil else { throw malformed("GET", path) }
        var workload = workload
        workload.update(from: document)
        return workload
    }

    /// One that is gone already is as good as deleted.
    package func delete(_ id: String) async throws(TargonError) {
        do {
            _ = try await send("DELETE", "workloads/\(id)")
        } catch  where error.code == .missing {
        }
    }

    private func answer(
        _ method: String, _ path: String, query: String = "", _ body: JSONValue? = nil
    ) async throws(TargonError) -> JSONValue {
        guard let document = JSONValue(json: try await send(method, path, query: query, body).body) else {
            throw malformed(method, path)
        }
        return document
    }

    /// - Returns: An answer with a status of 200 to 299.
    private func send(
        _ method: String, _ path: String, query: String = "", _ body: JSONValue? = nil
    ) async throws(TargonError) -> HTTPResponse {
        var headers: [(name: String, value: String)] = [("authorization", "Bearer \(account.key.text)")]
        if body != nil { headers.append(("content-type", "application/json")) }
        let response: HTTPResponse
        do {
            response = try await http.send(
                HTTPRequest(
                    method: method, url: "\(account.url)/\(path)\(query)", headers: headers,
                    body: body.flatMap { try? $0.jsonText() }.map { Array($0.utf8) }))
        } catch {
            throw TargonError(error, "\(method) \(path)")
        }
        guard !(200...299).contains(response.status) else { return response }
        throw TargonError(refusal: response, of: "\(method) \(path)", key: account.key)
    }

    private func malformed(_ method: String, _ path: String) -> TargonError {
        TargonError(.malformed, "\(method) \(path): this is not how Targon answers: is TARGON_API_URL right?")
    }

    /// Whether a byte needs no escape in a URL.
    static func isUnreserved(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || [0x2D, 0x2E, 0x5F, 0x7E].contains(byte)
    }

    private static func percentEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            let hex = String(byte, radix: 16, uppercase: true)
            return isUnreserved(byte) ? String(Unicode.Scalar(byte)) : "%" + (hex.count < 2 ? "0" : "") + hex
        }.joined()
    }
}

extension TargonError {
    fileprivate init(_ error: HTTPError, _ call: String) {
        let code: Code =
            switch error.code {
            case .cancelled, .clientClosed: .cancelled
            case .connectionFailed, .timedOut, .tlsFailed: .unreachable
            case .invalidURL, .invalidRequest, .responseTooLarge, .protocolError: .malformed
            }
        self.init(code, "\(call): \(error.detail)")
    }

    fileprivate init(refusal response: HTTPResponse, of call: String, key: TargonKey) {
        let (code, advice): (Code, String) =
            switch response.status {
            case 401, 403: (.unauthorized, "; is the key right?")
            case 402: (.unpaid, "; the account needs funds")
            case 404: (.missing, "")
            case 409: (.conflict, "")
            case 429: (.limited(retryAfter: response.retryAfter), "")
            case 500...599: (.unavailable(status: response.status), "")
            default: (.refused(status: response.status), "")
            }
        let document = JSONValue(json: response.body)
        let words = [document?["error"], document?["message"], document?["detail"]].compactMap { $0?.stringValue }.first
        // The key goes first, so that no part of it is left by the cut.
        let line = (words ?? "no reason given").replacing(key.text, with: key.description)
            .split(whereSeparator: \.isWhitespace).joined(separator: " ")
        self.init(code, "\(call): status \(response.status): \(line.prefix(300))\(advice)")
    }
}
