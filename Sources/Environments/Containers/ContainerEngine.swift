internal import Domain
internal import FoundationEssentials
package import HTTPClient

/// Speaks the Docker Engine API, as Docker and Podman serve it.
package struct ContainerEngine: Sendable {
    package let address: EngineAddress
    private let http: HTTPClient

    package init(_ address: EngineAddress, http: HTTPClient) {
        self.address = address
        self.http = http
    }

    package func version() async throws(ContainerError) -> EngineVersion {
        try decode(await send("GET", "/version", to: "tell its version"), to: "tell its version")
    }

    /// The image of that name, digest or id; nil when the engine does not hold it.
    func image(_ name: String) async throws(ContainerError) -> EngineImage? {
        let what = "inspect image \(name)"
        let answer = try await send("GET", "/images/\(Self.escaped(name))/json", to: what, accepting: [200, 404])
        return answer.status == 404 ? nil : try decode(answer, to: what)
    }

    /// Fetches an image from its registry.
    ///
    /// - Throws: `imageMissing` for what the registry or the way to it says, which comes within an answer of status 200.
    func pull(name: String, version: String) async throws(ContainerError) {
        let image = name + (version.hasPrefix("sha256:") ? "@" : ":") + version
        let answer = try await send(
            "POST", "/images/create", ["fromImage": name, "tag": version], to: "pull image \(image)",
            accepting: [200, 404, 500], within: .seconds(3_600), atMost: 64 << 20)
        let lines = answer.body.split(separator: UInt8(ascii: "\n"))
        let errors = lines.compactMap { try? JSONDecoder().decode(PullProgress.self, from: Data($0)).error }
        if let problem = answer.status == 200 ? errors.first : message(answer) {
            throw ContainerError(
                .imageMissing,
                "container engine at \(address) has no image \(image) and can't pull it: \(problem.prefix(500)); "
                    + "check the name, or load the image there")
        }
    }

    /// - Returns: The container's id.
    func create(_ order: ContainerOrder, name: String) async throws(ContainerError) -> String {
        let what = "create a container of image \(order.image)"
        let answer = try await send(
            "POST", "/containers/create", ["name": name], body: order, to: what, within: .seconds(120))
        let created: CreatedContainer = try decode(answer, to: what)
        return created.id
    }

    func start(_ container: String) async throws(ContainerError) {
        _ = try await send(
            "POST", "/containers/\(container)/start", to: "start container \(container)", within: .seconds(120))
    }

    /// Nil when there is none of that id.
    package func inspect(_ container: String) async throws(ContainerError) -> InspectedContainer? {
        let what = "inspect container \(container)"
        let answer = try await send("GET", "/containers/\(container)/json", to: what, accepting: [200, 404])
        return answer.status == 404 ? nil : try decode(answer, to: what)
    }

    /// The last lines that a container wrote, to either stream.
    func logs(_ container: String, lines: Int) async throws(ContainerError) -> String {
        let answer = try await send(
            "GET", "/containers/\(container)/logs", ["stdout": "1", "stderr": "1", "tail": String(lines)],
            to: "tell the log of container \(container)")
        return String(decoding: LogFrames(answer.body).text, as: UTF8.self)
    }

    package func stats(_ container: String) async throws(ContainerError) -> ContainerStats {
        let what = "tell what container \(container) uses"
        return try decode(
            await send("GET", "/containers/\(container)/stats", ["stream": "false"], to: what), to: what)
    }

    /// Kills and removes a container with its volumes; one that is gone already is no error.
    package func remove(_ container: String) async throws(ContainerError) {
        _ = try await send(
            "DELETE", "/containers/\(container)", ["force": "true", "v": "true"], to: "remove container \(container)",
            accepting: [200, 204, 404, 409], within: .seconds(120))
    }

    /// All containers, ended ones too, that have a label of this value.
    package func list(label: String, _ value: String) async throws(ContainerError) -> [ListedContainer] {
        let filter = String(
            decoding: (try? JSONEncoder().encode(["label": ["\(label)=\(value)"]])) ?? Data(), as: UTF8.self)
        return try decode(
            await send("GET", "/containers/json", ["all": "true", "filters": filter], to: "list containers"),
            to: "list containers")
    }
}

extension ContainerEngine {
    private func send(
        _ method: String, _ path: String, _ query: [String: String] = [:],
        body: (some Encodable)? = ContainerOrder?.none,
        to what: String, accepting statuses: Set<Int> = [200, 201, 204, 304], within limit: Duration = .seconds(30),
        atMost bytes: Int = 8 << 20
    ) async throws(ContainerError) -> HTTPResponse {
        let pairs = query.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.escaped($0.value))" }
        var request = HTTPRequest(
            method: method, url: address.base + path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")),
            timeout: limit, maximumResponseBytes: bytes, unixSocket: address.unixSocket)
        if let body {
            request.headers = [("content-type", "application/json")]
            request.body = (try? JSONEncoder().encode(body)).map(Array.init)
        }
        let answer: HTTPResponse
        do { answer = try await http.send(request) } catch {
            guard error.code != .cancelled else { throw ContainerError(.cancelled, "the work was cut short") }
            throw ContainerError(
                .engineUnreachable,
                "container engine at \(address) did not \(what) (\(error.code.rawValue)): is it running there? "
                    + "--containers or DOCKER_HOST names another")
        }
        guard statuses.contains(answer.status) else {
            throw ContainerError(
                .engineRefused,
                "container engine at \(address) did not \(what): status \(answer.status), \(message(answer))")
        }
        return answer
    }

    private func decode<Value: Decodable>(
        _ answer: HTTPResponse, to what: String
    ) throws(ContainerError) -> Value {
        do { return try JSONDecoder().decode(Value.self, from: Data(answer.body)) } catch {
            throw ContainerError(
                .engineRefused,
                "what answers at \(address) did not \(what) as a container engine does: is it one that speaks Docker's API?"
            )
        }
    }

    private func message(_ answer: HTTPResponse) -> String {
        let told = try? JSONDecoder().decode(EngineMessage.self, from: Data(answer.body)).message
        return String((told ?? String(decoding: answer.body.prefix(500), as: UTF8.self)).prefix(500))
    }

    /// Fit for a path or a query: all but unreserved characters as `%XX`.
    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.reduce(into: "") { result, byte in
            let scalar = Unicode.Scalar(byte)
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "-._~/:@".utf8.contains(byte)
            if isPlain {
                result.unicodeScalars.append(scalar)
            } else {
                result.append("%")
                result.append(digits[Int(byte >> 4)])
                result.append(digits[Int(byte & 15)])
            }
        }
    }
}
