public import Domain
internal import Postgres

/// What one side of a contest was told on a task, and what it said.
public struct TaskTranscript: Hashable, Sendable, Encodable {
    /// As the environment told them: mostly objects with `role` and `content`.
    public let messages: [JSONValue]
    /// Of the messages before any was cut.
    public let bytes: Int64
    public let isCut: Bool

    enum CodingKeys: String, CodingKey {
        case messages, bytes
        case isCut = "is_cut"
    }

    /// Reads `bytes`, `is_cut` and the messages' texts; nil where no transcript was kept.
    init?(reading row: inout RowReader) throws(PostgresError) {
        let bytes: Int64? = try row.next()
        let isCut: Bool? = try row.next()
        let messages: [String] = try row.next()
        guard let bytes, let isCut else { return nil }
        self.bytes = bytes
        self.isCut = isCut
        self.messages = messages.map { JSONValue(json: $0.utf8) ?? .string($0) }
    }
}

/// Both sides' transcripts of one task, for reading them beside each other.
public struct TranscriptPair: Sendable {
    public struct Line: Hashable, Sendable {
        public let role: String
        public let text: String
    }

    /// What both were told before their conversations part.
    public let shared: [Line]
    /// The rest of each; empty where nothing was kept.
    public let champion: [Line]
    public let challenger: [Line]

    /// - Parameter answers: Both sides' of one task.
    public init(_ answers: [TaskAnswer]) {
        func lines(_ side: String) -> [Line] {
            answers.first { $0.side == side }?.transcript?.messages.map(Line.init) ?? []
        }
        let (champion, challenger) = (lines("champion"), lines("challenger"))
        let common = zip(champion, challenger).prefix { $0 == $1 }.count
        shared = Array(champion.prefix(common))
        self.champion = Array(champion.dropFirst(common))
        self.challenger = Array(challenger.dropFirst(common))
    }

    public var isEmpty: Bool { shared.isEmpty && champion.isEmpty && challenger.isEmpty }
}

extension TranscriptPair.Line {
    init(_ message: JSONValue) {
        role = message["role"]?.stringValue ?? "message"
        text = Self.readable(message["content"]?.stringValue ?? (try? message.jsonText()) ?? "")
    }

    /// A model's text may hold what a terminal or a page would take for a command.
    private static func readable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control where scalar != "\n" && scalar != "\t", .format, .surrogate: "\u{FFFD}"
                    default: scalar
                    }
                }))
    }
}
