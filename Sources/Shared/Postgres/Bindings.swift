/// The parameters of one statement, in the order of `$1`, `$2` …
public struct Bindings: Sendable {
    /// All values, one after the other.
    private var bytes: [UInt8] = []
    /// Where each value lies in `bytes`; nil is NULL.
    private var ranges: [Range<Int>?] = []
    private(set) var types: [PostgresType] = []

    init() {}

    /// Adds the next parameter. Its type in SQL is the Swift type's own: cast it (`$1::jsonb`) where another is wanted.
    public mutating func append<T: PostgresEncodable>(_ value: T) {
        types.append(T.postgresType)
        guard !value.isPostgresNull else { return ranges.append(nil) }
        let start = bytes.count
        value.encodePostgres(into: &bytes)
        ranges.append(start..<bytes.count)
    }

    var count: Int { types.count }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ranges.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
    }

    /// Appends the values as one row of a binary COPY.
    func appendRow(to output: inout [UInt8]) {
        output.append(integer: Int16(ranges.count))
        for range in ranges {
            output.append(integer: Int32(range?.count ?? -1))
            if let range { output.append(contentsOf: bytes[range]) }
        }
    }

    /// The three arrays that libpq wants, for as long as `body` runs.
    func withParameters(
        _ body: (
            _ values: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: [Int32], _ formats: [Int32]
        ) -> OpaquePointer?
    ) -> OpaquePointer? {
        let lengths = ranges.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: ranges.count)
        // An empty value is a pointer that is not nil, so there must be a byte to point to.
        let storage = bytes + [0]
        return unsafe storage.withUnsafeBytes { buffer in
            let base = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = unsafe ranges.map { range in
                unsafe range.flatMap { unsafe base?.advanced(by: $0.lowerBound) }
            }
            return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress, lengths, formats) }
        }
    }
}
