public import Postgres

/// How far the database's clock is ahead of this machine's.
///
/// The server reads its clock somewhere between question and answer, so half of the round trip is the uncertainty.
public struct ClockOffset: Hashable, Sendable {
    /// Logs and certificates of two machines agree well enough up to here.
    public static let tolerance = 1.0

    public var seconds: Double
    public var uncertainty: Double

    /// - Parameters:
    ///   - asked: This machine's clock when the question was sent, in seconds since 1970.
    ///   - database: The database's clock when it answered.
    public init(asked: Double, roundTrip: Duration, database: Double) {
        uncertainty = roundTrip / .seconds(2)
        seconds = database - (asked + uncertainty)
    }

    /// Certainly more than what is tolerated.
    public var isWrong: Bool { abs(seconds) - uncertainty > Self.tolerance }
}

extension Database {
    /// Asks several times and keeps the answer that came fastest, which is the most certain.
    ///
    /// - Parameter now: This machine's clock, in seconds since 1970.
    public func clockOffset(now: @Sendable () -> Double) async throws -> ClockOffset {
        let clock = ContinuousClock()
        return try await withSession { session in
            // Prepares it, so that the first measured round trip is one.
            _ = try session.run(ReadClock())
            var best: ClockOffset?
            for _ in 0..<5 {
                let (asked, start) = (now(), clock.now)
                let answer = try session.run(ReadClock())
                guard let database = answer.first else { continue }
                let offset = ClockOffset(asked: asked, roundTrip: clock.now - start, database: database)
                if offset.uncertainty < best?.uncertainty ?? .infinity { best = offset }
            }
            guard let best else { throw PostgresError(.decoding, "the database's clock has no answer") }
            return best
        }
    }
}

private struct ReadClock: Statement {
    static let sql = "SELECT extract(epoch FROM clock_timestamp())::float8"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Double { try row.next() }
}
