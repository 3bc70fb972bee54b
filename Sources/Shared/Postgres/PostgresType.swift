/// A type of the server, by its object id. Built-in types have the same id on every server.
public struct PostgresType: Hashable, Sendable, CustomStringConvertible {
    public let oid: UInt32

    public init(oid: UInt32) {
        self.oid = oid
    }

    public static let bool = PostgresType(oid: 16)
    public static let bytea = PostgresType(oid: 17)
    /// The one-byte type `"char"`.
    public static let char = PostgresType(oid: 18)
    public static let name = PostgresType(oid: 19)
    public static let int8 = PostgresType(oid: 20)
    public static let int2 = PostgresType(oid: 21)
    public static let int4 = PostgresType(oid: 23)
    public static let text = PostgresType(oid: 25)
    public static let json = PostgresType(oid: 114)
    public static let float8 = PostgresType(oid: 701)
    public static let unknown = PostgresType(oid: 705)
    public static let bpchar = PostgresType(oid: 1042)
    public static let varchar = PostgresType(oid: 1043)
    public static let uuid = PostgresType(oid: 2950)
    public static let jsonb = PostgresType(oid: 3802)

    private static let known: [(type: PostgresType, name: String, array: UInt32)] = [
        (bool, "bool", 1000), (bytea, "bytea", 1001), (char, "\"char\"", 1002), (name, "name", 1003),
        (int8, "int8", 1016), (int2, "int2", 1005), (int4, "int4", 1007), (text, "text", 1009), (json, "json", 199),
        (float8, "float8", 1022), (bpchar, "bpchar", 1014), (varchar, "varchar", 1015), (uuid, "uuid", 2951),
        (jsonb, "jsonb", 3807),
    ]

    /// The type's array type; nil for an array, a domain and a type that this layer does not know.
    public var array: PostgresType? {
        Self.known.first { $0.type == self }.map { PostgresType(oid: $0.array) }
    }

    /// The array type's element type; nil for a type that is no array or not known.
    var element: PostgresType? {
        Self.known.first { $0.array == oid }?.type
    }

    public var description: String {
        if let entry = Self.known.first(where: { $0.type == self }) { return entry.name }
        if let element { return "\(element)[]" }
        return self == .unknown ? "unknown" : "type \(oid)"
    }
}

/// A Swift type that has a type of the server.
public protocol PostgresTyped: Sendable {
    /// The type a parameter of this Swift type is sent as.
    static var postgresType: PostgresType { get }
    /// The type an array of this Swift type is sent as.
    static var postgresArrayType: PostgresType { get }
}

extension PostgresTyped {
    public static var postgresArrayType: PostgresType {
        guard let array = postgresType.array else {
            preconditionFailure("\(postgresType) has no array type that can be sent")
        }
        return array
    }
}

extension PostgresTyped where Self: RawRepresentable, RawValue: PostgresTyped {
    public static var postgresType: PostgresType { RawValue.postgresType }
}

/// A value that can be sent, in binary. A `RawRepresentable` type opts in with an empty conformance.
public protocol PostgresEncodable: PostgresTyped {
    /// Appends the value in the server's binary form, without a length.
    func encodePostgres(into bytes: inout [UInt8])
    /// Whether the value is sent as NULL instead.
    var isPostgresNull: Bool { get }
    static func encodePostgresArray(_ values: [Self], into bytes: inout [UInt8])
}

/// A value that can be read from a column, in binary. A `RawRepresentable` type opts in with an empty conformance.
public protocol PostgresDecodable: PostgresTyped {
    /// Whether columns of `type` can be read as this Swift type without loss.
    static func canRead(_ type: PostgresType) -> Bool
    init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError)
    /// What NULL is read as; nil refuses it.
    static var postgresNull: Self? { get }
    static func canReadArray(_ type: PostgresType) -> Bool
    static func decodePostgresArray(_ bytes: RawSpan, type: PostgresType) throws(PostgresError) -> [Self]
}

extension PostgresEncodable {
    public var isPostgresNull: Bool { false }
}

extension PostgresDecodable {
    public static func canRead(_ type: PostgresType) -> Bool { type == postgresType }
    public static var postgresNull: Self? { nil }
    public static func canReadArray(_ type: PostgresType) -> Bool { type.element.map(canRead) ?? false }
}

extension PostgresEncodable where Self: RawRepresentable, RawValue: PostgresEncodable {
    public func encodePostgres(into bytes: inout [UInt8]) { rawValue.encodePostgres(into: &bytes) }
}

extension PostgresDecodable where Self: RawRepresentable, RawValue: PostgresDecodable {
    public static func canRead(_ type: PostgresType) -> Bool { RawValue.canRead(type) }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        guard let value = Self(rawValue: try RawValue(postgres: bytes, type: type)) else {
            throw PostgresError(.decoding, "not a value of \(Self.self)")
        }
        self = value
    }

    public static func decodePostgresArray(_ bytes: RawSpan, type: PostgresType) throws(PostgresError) -> [Self] {
        var values: [Self] = []
        let raw = try RawValue.decodePostgresArray(bytes, type: type)
        values.reserveCapacity(raw.count)
        for value in raw {
            guard let value = Self(rawValue: value) else {
                throw PostgresError(.decoding, "an array with what is not a value of \(Self.self)")
            }
            values.append(value)
        }
        return values
    }
}

extension Optional: PostgresTyped where Wrapped: PostgresTyped {
    public static var postgresType: PostgresType { Wrapped.postgresType }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    public func encodePostgres(into bytes: inout [UInt8]) { self?.encodePostgres(into: &bytes) }
    public var isPostgresNull: Bool { self?.isPostgresNull ?? true }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    public static func canRead(_ type: PostgresType) -> Bool { Wrapped.canRead(type) }
    public static var postgresNull: Wrapped?? { .some(nil) }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        self = .some(try Wrapped(postgres: bytes, type: type))
    }
}
