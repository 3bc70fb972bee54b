public import Domain
internal import Postgres
internal import Records

/// What one side of a contest was told on a task, and what it said.
public struct TaskTranscript: Hashable, Sendable, Encodable {
    public let environment: EnvironmentName
    public let task: TaskID
    /// `champion` or `challenger`.
    public let side: String
    /// As the environment told them: mostly objects with `role` and `content`.
    public let messages: [JSONValue]
    /// Of the messages before any was cut.
    public let bytes: Int64
    public let isCut: Bool

    enum CodingKeys: String, CodingKey {
        case environment, task, side, messages, bytes
        case isCut = "is_cut"
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

    public init(_ transcripts: [TaskTranscript]) {
        func lines(_ side: String) -> [Line] {
            transcripts.first { $0.side == side }?.messages.map(Line.init) ?? []
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

extension ContestHistory {
    /// The transcripts that were kept of both sides' final results on some tasks of one environment, in the order of the
    /// tasks, the champion first.
    public func transcripts(
        in contest: ContestID, environment: EnvironmentName, tasks: [TaskID]
    ) async throws -> [TaskTranscript] {
        try await database.run(LoadTranscripts(contest: contest, environment: environment, tasks: tasks))
    }
}

private struct LoadTranscripts: Statement {
    static let sql = """
        SELECT n.name, wanted.task, side.word, t.bytes, t.is_cut,
               ARRAY(SELECT m.content FROM unnest(t.messages) WITH ORDINALITY AS said (digest, place)
                     JOIN affine.message m ON m.digest = said.digest ORDER BY said.place)
        FROM affine.contest c
        CROSS JOIN LATERAL (VALUES ('champion', c.champion_evaluation), ('challenger', c.challenger_evaluation))
            AS side (word, evaluation)
        JOIN affine.environment n ON n.name = $2
        JOIN affine.evaluation_environment ee ON ee.evaluation = side.evaluation AND ee.environment = n.id
        CROSS JOIN LATERAL unnest($3::bigint[]) WITH ORDINALITY AS wanted (task, place)
        JOIN affine.attempt a ON a.window_id = c.window_id AND a.evaluation = side.evaluation AND a.environment = n.id
             AND a.position = array_position(ee.task_ids, wanted.task) - 1 AND a.final
        JOIN affine.transcript t ON t.evaluation = side.evaluation AND t.environment = n.id AND t.position = a.position
             AND t.lease = a.lease
        WHERE c.id = $1
        ORDER BY wanted.place, side.word = 'challenger'
        """
    var contest: ContestID
    var environment: EnvironmentName
    var tasks: [TaskID]

    func bind(_ bindings: inout Bindings) {
        bindings.append(contest)
        bindings.append(environment)
        bindings.append(tasks)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> TaskTranscript {
        let environment: EnvironmentName = try row.next()
        let task: TaskID = try row.next()
        let side: String = try row.next()
        let bytes: Int64 = try row.next()
        let isCut: Bool = try row.next()
        let messages: [String] = try row.next()
        return TaskTranscript(
            environment: environment, task: task, side: side,
            messages: messages.map { JSONValue(json: $0.utf8) ?? .string($0) }, bytes: bytes, isCut: isCut)
    }
}
