import FoundationEssentials
import Postgres
import TestSupport
import Testing

enum Colour: String, PostgresEncodable, PostgresDecodable, CaseIterable { case red, green, blue }
struct Ticket: RawRepresentable, Hashable, PostgresEncodable, PostgresDecodable { let rawValue: Int64 }

/// Sends a value and reads it back.
struct Echo<T: PostgresEncodable & PostgresDecodable>: Statement {
    static var sql: String { "SELECT $1, $1 IS NULL" }
    let value: T
    func bind(_ bindings: inout Bindings) { bindings.append(value) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> T {
        let value = try row.next(T.self)
        _ = try row.next(Bool.self)
        return value
    }
}

/// Values that are made at random from a seed.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func string() -> String {
        let alphabet = Array("aZ09 \t\n\r\\'\",{}()NULL$;é漢😀\u{1}\u{7F}\u{301}")
        return String(
            (0..<Int.random(in: 0...40, using: &self)).compactMap { _ in alphabet.randomElement(using: &self) })
    }

    mutating func integer<I: FixedWidthInteger>(_: I.Type) -> I {
        [I.min, -1, 0, 1, I.max, I.random(in: I.min...I.max, using: &self), I.random(in: -99...99, using: &self)]
            .randomElement(using: &self) ?? 0
    }

    mutating func double() -> Double {
        [0, -0.0, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1].randomElement(
            using: &self
        )
        .map { Bool.random(using: &self) ? $0 : Double.random(in: -1e300...1e300, using: &self) } ?? 0
    }

    mutating func uuid() -> UUID { UUID.random(using: &self) }
    mutating func bytes() -> [UInt8] {
        (0..<Int.random(in: 0...50, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}

extension Session {
    mutating func echo<T: PostgresEncodable & PostgresDecodable & Equatable>(_ value: T) throws {
        let back = try run(Echo(value: value))
        #expect(back == [value])
        let null = try run(Echo<T?>(value: nil))
        #expect(null == [nil])
        let some = try run(Echo<T?>(value: value))
        #expect(some == [value])
    }

    /// The value alone, in arrays, and in arrays with NULLs.
    mutating func echoAll<T: PostgresEncodable & PostgresDecodable & Equatable>(_ values: [T]) throws {
        for value in values { try echo(value) }
        for length in 0...values.count { try echo(Array(values.prefix(length))) }
        try echo(values.map { Optional($0) } + [nil])
        try echo([nil] + values.map { Optional($0) })
        try echo([T?.none])
    }
}

@Suite(.freshDatabase) struct RoundTripTests {
    @Test("every type comes back as it was sent, alone, optional and in arrays", arguments: [UInt64](1...4))
    func everyType(seed: UInt64) async throws {
        try await FreshDatabase.current.database.withSession { session in
            var dice = Dice(state: seed)
            try session.echoAll((0..<5).map { _ in Bool.random(using: &dice) })
            try session.echoAll((0..<5).map { _ in dice.integer(Int16.self) })
            try session.echoAll((0..<5).map { _ in dice.integer(Int32.self) })
            try session.echoAll((0..<5).map { _ in dice.integer(Int64.self) })
            try session.echoAll((0..<5).map { _ in dice.double() })
            try session.echoAll((0..<9).map { _ in dice.string() })
            try session.echoAll((0..<5).map { _ in dice.uuid() })
            try session.echoAll((0..<5).map { _ in dice.bytes() })
            try session.echoAll((0..<5).map { _ in Ticket(rawValue: dice.integer(Int64.self)) })
            try session.echoAll(Colour.allCases)
        }
    }
}
