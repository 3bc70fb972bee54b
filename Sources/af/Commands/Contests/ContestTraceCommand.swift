import ArgumentParser
import Coordinator
import Domain
import HTTPClient

struct ContestTraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "A contest's attempts as OpenTelemetry spans, to be looked at as a waterfall.",
        discussion: """
            Spans are put together from the job history: the contest, its environments, each attempt with its worker, score, \
            error and tokens; and in a trace of its own the champion's evaluation. Without --endpoint they are printed as \
            OTLP in JSON, one request a line, which OpenTelemetry's collector reads from a file. \
            OTEL_EXPORTER_OTLP_HEADERS is sent along. Sent again, a contest is the same trace.
            """)
    @OptionGroup var options: CommonOptions

    @Argument(help: "The contest's number.")
    var contest: Int64

    @Option(
        help: ArgumentHelp(
            "Send them there by OTLP over HTTP: Jaeger, Tempo, a collector; such as http://host:4318.", valueName: "url"
        ))
    var endpoint: String?

    func run() async throws {
        let id = ContestID(rawValue: contest)
        let receiver = try endpoint.map(TraceReceiver.init)
        let http = HTTPClient()
        let count = try await Backend.with(options) { backend in
            let trace = ContestTrace(database: backend.database)
            guard let receiver else { return try await trace.export(id) { print(try $0.jsonText()) } }
            return try await trace.export(id) { try await receiver.send($0, http) }
        }
        await http.close()
        guard let receiver else { return }
        if options.json {
            try Output.json(Sent(spans: count, url: receiver.url.description))
        } else {
            print("\(count) spans of contest \(id) sent to \(receiver.url)")
        }
    }

    private struct Sent: Encodable {
        let spans: Int
        let url: String
    }
}

/// Takes traces by OTLP over HTTP.
private struct TraceReceiver {
    let url: EndpointURL
    let headers: [(name: String, value: String)]

    /// - Throws: `HTTPError` for what is no URL; `InvalidValue` for headers that are not NAME=VALUE.
    init(_ base: String) throws {
        url = try EndpointURL((base.hasSuffix("/") ? String(base.dropLast()) : base) + "/v1/traces")
        guard !url.hasQueryOrFragment else {
            throw InvalidValue(field: "endpoint", value: url.description, expected: "a URL without query and fragment")
        }
        headers = try (CommonOptions.traceHeaders ?? "").split(separator: ",").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else {
                throw InvalidValue(field: "OTEL_EXPORTER_OTLP_HEADERS", value: "…", expected: "NAME=VALUE,NAME=VALUE")
            }
            return (parts[0], parts[1])
        }
    }

    /// - Throws: `HTTPError`; `CommandError` when the receiver refuses a request or spans of it.
    func send(_ request: JSONValue, _ http: HTTPClient) async throws {
        let answer = try await http.send(
            HTTPRequest(
                method: "POST", url: url.text, headers: headers + [("Content-Type", "application/json")],
                body: Array(try request.jsonText().utf8), maximumResponseBytes: 1 << 16))
        let body = JSONValue(json: answer.body)
        guard 200..<300 ~= answer.status else {
            throw CommandError(
                "\(url) answered \(answer.status)\(body?["message"]?.stringValue.map { ": \($0)" } ?? ""): "
                    + "what was sent may be sent again, it is the same trace")
        }
        let refused = body?["partialSuccess"]?["rejectedSpans"]
        let count = refused?.integerValue ?? refused?.stringValue.flatMap { Int64($0) } ?? 0
        guard count == 0 else {
            let why = body?["partialSuccess"]?["errorMessage"]?.stringValue ?? "no reason given"
            throw CommandError("\(url) refused \(count) spans: \(why)")
        }
    }
}
