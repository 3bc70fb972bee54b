import FoundationEssentials
import Postgres
import TestSupport
import Testing

struct Sample: Equatable, Sendable {
    let id: Int64, text: String, note: String?, scores: [Int64?], bytes: [UInt8], key: UUID
}

struct AllSamples: Statement {
    static let sql = "SELECT id, text, note, scores, bytes, key FROM lab.sample ORDER BY id"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Sample {
        Sample(
            id: try row.next(), text: try row.next(), note: try row.next(), scores: try row.next(),
            bytes: try row.next(), key: try row.next())
    }
}

@Suite(.freshDatabase) struct CopyTests {
    private static let table = """
        CREATE SCHEMA lab; CREATE TABLE lab.sample (id int8 PRIMARY KEY, text text NOT NULL, note varchar,
            scores int8[] NOT NULL, bytes bytea NOT NULL, key uuid NOT NULL)
        """
    private static let columns = ["id", "text", "note", "scores", "bytes", "key"]

    private static func bind(_ sample: Sample, _ bindings: inout Bindings) {
        bindings.append(sample.id)
        bindings.append(sample.text)
        bindings.append(sample.note)
        bindings.append(sample.scores)
        bindings.append(sample.bytes)
        bindings.append(sample.key)
    }

    private static func samples(_ count: Int64) -> [Sample] {
        var dice = Dice(state: 42)
        return (0..<count).map { id in
            Sample(
                id: id, text: ["", "\\N", "\\.", "\t\n\r\\", "a,\"b\"", dice.string()][Int(id % 6)],
                note: id % 2 == 0 ? nil : dice.string(), scores: [dice.integer(Int64.self), nil],
                bytes: dice.bytes(), key: dice.uuid())
        }
    }

    @Test("rows with awkward text arrive as they were sent", arguments: [0, 6, 5000] as [Int64])
    func copies(count: Int64) async throws {
        let samples = Self.samples(count)
        try await FreshDatabase.current.database.withSession { session in
            try session.execute(Self.table)
            let copied = try session.copy(into: "lab.sample", columns: Self.columns, rows: samples, Self.bind)
            #expect(copied == Int(count))
            try #expect(session.run(AllSamples()) == samples)
        }
    }

    @Test("a value of another type than the column's is refused and nothing is stored")
    func wrongType() async throws {
        try await FreshDatabase.current.database.withSession { session in
            try session.execute("CREATE TABLE weight (grams float8)")
            let error = try #require(
                #expect(throws: PostgresError.self) {
                    try session.copy(into: "weight", columns: ["grams"], rows: [1, 2] as [Int64]) { $1.append($0) }
                })
            #expect(error.code == .decoding && error.message == "int8 for a column of float8")
            // The session is as good as before.
            try #expect(session.copy(into: "weight", columns: ["grams"], rows: [1.5]) { $1.append($0) } == 1)
            try #expect(session.run(Grams()) == [1.5])
        }
    }

    @Test("a violated constraint is the error, nothing is stored and the session lives on")
    func duplicate() async throws {
        let samples = Self.samples(2)
        try await FreshDatabase.current.database.withSession { session in
            try session.execute(Self.table)
            let error = try #require(
                #expect(throws: PostgresError.self) {
                    try session.copy(into: "lab.sample", columns: Self.columns, rows: samples + samples, Self.bind)
                })
            #expect(error.sqlState == "23505" && error.constraint == "sample_pkey")
            try #expect(session.run(AllSamples()) == [])
        }
    }
}

struct Grams: Statement {
    static let sql = "SELECT grams FROM weight"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Double { try row.next() }
}
