/// One-dimensional arrays. `[T?]` may hold NULLs, `[T]` refuses them; `[UInt8]` is a `bytea`.
extension Array: PostgresTyped where Element: PostgresTyped {
    public static var postgresType: PostgresType { Element.postgresArrayType }
}

extension Array: PostgresEncodable where Element: PostgresEncodable {
    public func encodePostgres(into bytes: inout [UInt8]) { Element.encodePostgresArray(self, into: &bytes) }
}

extension Array: PostgresDecodable where Element: PostgresDecodable {
    public static func canRead(_ type: PostgresType) -> Bool { Element.canReadArray(type) }

    public init(postgres bytes: RawSpan, type: PostgresType) throws(PostgresError) {
        self = try Element.decodePostgresArray(bytes, type: type)
    }
}

extension PostgresEncodable {
    /// Dimensions, a flag for NULLs, the element type, length and lower bound, then each element with its length.
    public static func encodePostgresArray(_ values: [Self], into bytes: inout [UInt8]) {
        bytes.append(integer: Int32(values.isEmpty ? 0 : 1))
        bytes.append(integer: Int32(values.contains(where: \.isPostgresNull) ? 1 : 0))
        bytes.append(integer: postgresType.oid)
        guard !values.isEmpty else { return }
        bytes.append(integer: Int32(values.count))
        bytes.append(integer: Int32(1))
        for value in values { bytes.append(field: value) }
    }
}

extension PostgresDecodable {
    public static func decodePostgresArray(_ bytes: RawSpan, type: PostgresType) throws(PostgresError) -> [Self] {
        let dimensions = try bytes.integer(Int32.self, at: 0)
        guard dimensions != 0 else { return [] }
        guard dimensions == 1 else { throw PostgresError(.decoding, "an array of \(dimensions) dimensions") }
        let element = PostgresType(oid: try bytes.integer(UInt32.self, at: 8))
        guard canRead(element) else { throw PostgresError(.decoding, "an array of \(element), not of \(Self.self)") }
        let count = Int(try bytes.integer(Int32.self, at: 12))
        var offset = 20
        var values: [Self] = []
        values.reserveCapacity(Swift.min(count, bytes.byteCount / 4))
        for _ in 0..<count {
            let length = Int(try bytes.integer(Int32.self, at: offset))
            offset += 4
            if length < 0 {
                guard let null = postgresNull else {
                    throw PostgresError(.decoding, "NULL in an array of \(Self.self)")
                }
                values.append(null)
            } else {
                guard offset + length <= bytes.byteCount else {
                    throw PostgresError(.decoding, "the array ends too early")
                }
                values.append(try Self(postgres: bytes.extracting(offset..<offset + length), type: element))
                offset += length
            }
        }
        return values
    }
}

extension [UInt8] {
    /// Appends a value with its length in front, -1 for NULL: the form of array elements and of fields in COPY.
    mutating func append(field value: some PostgresEncodable) {
        guard !value.isPostgresNull else { return append(integer: Int32(-1)) }
        let start = count
        append(integer: Int32(0))
        value.encodePostgres(into: &self)
        let length = Int32(count - start - 4)
        for index in 0..<4 { self[start + index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * index)) }
    }
}
