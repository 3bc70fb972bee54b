public import FoundationEssentials

extension Bool: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .bool }
    public func encodePostgres(into bytes: inout [UInt8]) { bytes.append(self ? 1 : 0) }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        self = try bytes.integer(UInt8.self) != 0
    }
}

extension Int16: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .int2 }
    public func encodePostgres(into bytes: inout [UInt8]) { bytes.append(integer: self) }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        self = try bytes.integer(Int16.self)
    }
}

extension Int32: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .int4 }
    public func encodePostgres(into bytes: inout [UInt8]) { bytes.append(integer: self) }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        self = try bytes.integer(Int32.self)
    }
}

extension Int64: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .int8 }
    public func encodePostgres(into bytes: inout [UInt8]) { bytes.append(integer: self) }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        self = try bytes.integer(Int64.self)
    }
}

extension Double: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .float8 }
    public func encodePostgres(into bytes: inout [UInt8]) { bytes.append(integer: bitPattern) }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        self.init(bitPattern: try bytes.integer(UInt64.self))
    }
}

/// Sent as `text`, read from the textual types and from JSON. The server cannot store U+0000: sending it is an error.
extension String: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .text }
    public func encodePostgres(into bytes: inout [UInt8]) { bytes.append(contentsOf: utf8) }

    public static func canRead(_ type: PostgresType) -> Bool {
        [.text, .varchar, .name, .unknown, .bpchar, .json, .jsonb].contains(type)
    }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        // jsonb begins with the version of its format, which is 1.
        if type == .jsonb, try bytes.integer(UInt8.self, at: 0) != 1 {
            throw PostgresError(.decoding, "jsonb in a format that is not known")
        }
        let start = type == .jsonb ? 1 : 0
        self = unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0.dropFirst(start), as: UTF8.self) }
    }
}

extension UUID: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .uuid }

    public func encodePostgres(into bytes: inout [UInt8]) {
        unsafe withUnsafeBytes(of: uuid) { unsafe bytes.append(contentsOf: $0) }
    }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        guard bytes.byteCount == 16 else { throw PostgresError(.decoding, "a uuid of \(bytes.byteCount) bytes") }
        self.init(uuid: unsafe bytes.unsafeLoadUnaligned(as: uuid_t.self))
    }
}

/// On its own a `"char"`; an array of them is a `bytea`.
extension UInt8: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .char }
    public static var postgresArrayType: PostgresType { .bytea }
    public func encodePostgres(into bytes: inout [UInt8]) { bytes.append(self) }
    public static func encodePostgresArray(_ values: [UInt8], into bytes: inout [UInt8]) {
        bytes.append(contentsOf: values)
    }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        self = try bytes.integer(UInt8.self)
    }

    public static func canReadArray(_ type: PostgresType) -> Bool { type == .bytea }
    public static func decodePostgresArray(
        _ bytes: RawSpan, type: PostgresType
    ) throws(PostgresError) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }
}

extension [UInt8] {
    /// Appends an integer in network byte order.
    mutating func append(integer: some FixedWidthInteger) {
        unsafe Swift.withUnsafeBytes(of: integer.bigEndian) { unsafe append(contentsOf: $0) }
    }
}

extension RawSpan {
    /// The whole span as an integer in network byte order.
    func integer<I: FixedWidthInteger & BitwiseCopyable>(_ type: I.Type) throws(PostgresError) -> I {
        guard byteCount == MemoryLayout<I>.size else {
            throw PostgresError(.decoding, "\(byteCount) bytes where \(MemoryLayout<I>.size) were expected")
        }
        return try integer(type, at: 0)
    }

    /// The integer in network byte order that begins at `offset`.
    func integer<I: FixedWidthInteger & BitwiseCopyable>(_ type: I.Type, at offset: Int) throws(PostgresError) -> I {
        guard offset >= 0, byteCount - offset >= MemoryLayout<I>.size else {
            throw PostgresError(.decoding, "the value ends too early")
        }
        return I(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: I.self))
    }
}
