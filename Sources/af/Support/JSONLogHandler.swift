import Domain
import FoundationEssentials
import Logging
import SystemPackage

/// Each line of the log as one JSON object on standard error: `time` (UTC), `level`, `message`, and what the line tells of under
/// its own name, such as `worker.id`.
struct JSONLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var members = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues(Self.json)
        if let error = event.error { members["error"] = .string("\(error)") }
        members["time"] = .string(Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        members["level"] = .string(event.level.rawValue)
        members["message"] = .string(event.message.description)
        guard let line = try? JSONValue.object(members).jsonText() else { return }
        // Whoever reads the log may have gone: that is nothing to end for.
        _ = try? FileDescriptor.standardError.writeAll((line + "\n").utf8)
    }

    private static func json(_ value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let value): .string(value.description)
        case .dictionary(let members): .object(members.mapValues(json))
        case .array(let values): .array(values.map(json))
        }
    }
}
