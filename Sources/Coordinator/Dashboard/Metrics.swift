internal import HTTPTypes
internal import Hummingbird
internal import Postgres

/// `ops.metric` in the text format 0.0.4 of Prometheus.
struct Metrics: Sendable {
    let database: Database

    func response() async throws -> Response {
        let series = try await database.run(LoadMetrics())
        var (text, last) = ("", "")
        for one in series {
            if one.name != last { text += "# HELP \(one.name) \(one.help)\n# TYPE \(one.name) gauge\n" }
            last = one.name
            text += "\(one.name)\(one.labels) \(one.value)\n"
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: .init(string: text)))
    }
}

/// One series; names and labels are ours, and need no escaping.
private struct LoadMetrics: Statement {
    struct Series: Sendable {
        var name: String
        var label: String?
        var labelValue: String?
        var value: Double
        var help: String

        var labels: String {
            guard let label, let labelValue else { return "" }
            return "{\(label)=\"\(labelValue)\"}"
        }
    }

    static let sql = "SELECT name, label, label_value, value, help FROM ops.metric ORDER BY name, label_value"

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Series {
        try Series(
            name: row.next(), label: row.next(), labelValue: row.next(), value: row.next(), help: row.next())
    }
}
