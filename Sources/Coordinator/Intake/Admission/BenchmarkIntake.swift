public import Domain
public import Postgres
internal import Records

/// Enters models of the operator's own into the queue, to be measured against the champion. They are never paid.
public struct BenchmarkIntake: Sendable {
    private let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// Puts a model into the queue under an identity made for this once; the same model may enter again.
    ///
    /// - Parameters:
    ///   - name: What people call it: 1-63 letters, digits, '.', '_' and '-', the first a letter or digit.
    ///   - block: Its place in the queue; nil for the newest block, behind everybody who waits.
    /// - Throws: `InvalidValue`; `PostgresError`.
    public func add(name: String, model: ModelReference, block: Int64?, actor: String) async throws -> Hotkey {
        guard name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._-]{0,62}/) != nil else {
            throw InvalidValue(
                field: "benchmark", value: name,
                expected: "1-63 letters, digits, '.', '_' and '-', beginning with a letter or digit")
        }
        return try await database.transaction(.serializable) { session in
            guard let place = try block ?? session.run(NewestBlock()).first, place >= 0 else {
                throw InvalidValue(
                    field: "block", value: block.map(String.init) ?? "none",
                    expected: "a block number, 0 or more: no block was seen yet")
            }
            guard let number = try session.run(NextBenchmarkNumber()).first else {
                throw PostgresError(.decoding, "a sequence gave no number")
            }
            let hotkey = try Hotkey(benchmark: number)
            try MinerIntake.admit(
                hotkey: hotkey, model: model, block: place, uid: nil, modelHash: nil, benchmark: name, actor: actor,
                in: &session)
            return hotkey
        }
    }
}

extension Hotkey {
    private static let benchmarkMark = "Benchmark"

    /// Whether it names a benchmark entrant, as `affine.is_benchmark` tells: no chain's address begins so.
    public var isBenchmark: Bool { rawValue.hasPrefix(Self.benchmarkMark) }

    /// The identity of a benchmark entrant, which no chain has: `Benchmark` and its number in base 58, of the usual length.
    init(benchmark number: Int64) throws(InvalidValue) {
        let digits = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
        var (rest, text) = (Int(number), "")
        while rest > 0 {
            text = String(digits[rest % digits.count]) + text
            rest /= digits.count
        }
        try self.init(Self.benchmarkMark + String(repeating: "1", count: 38 - text.count) + text)
    }
}

private struct NewestBlock: Statement {
    static let sql = "SELECT max(number) FROM affine.chain_block HAVING max(number) IS NOT NULL"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct NextBenchmarkNumber: Statement {
    static let sql = "SELECT nextval('affine.benchmark_number')"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}
