internal import CPostgres

/// Reads one row's columns from left to right.
///
/// Each column's type is compared with what the Swift type can read, because in binary a wrong guess would be silent.
@safe public struct RowReader: ~Copyable {
    private let result: OpaquePointer
    private let statement: String
    private let row: Int32
    private var column: Int32 = 0

    init(_ result: OpaquePointer, statement: String, row: Int32) {
        unsafe self.result = result
        self.statement = statement
        self.row = row
    }

    /// Reads the next column; NULL only where `T` is optional.
    ///
    /// - Throws: `.decoding`, naming statement and column.
    public mutating func next<T: PostgresDecodable>(_ type: T.Type = T.self) throws(PostgresError) -> T {
        let index = column
        column += 1
        guard unsafe index < PQnfields(result) else {
            throw PostgresError(
                .decoding, "column \(index + 1) was asked for, there are \(index)", statement: statement)
        }
        let actual = PostgresType(oid: unsafe PQftype(result, index))
        guard T.canRead(actual) else { throw failure(index, "is \(actual), which cannot be read as \(T.self)") }
        guard unsafe PQgetisnull(result, row, index) == 0 else {
            guard let null = T.postgresNull else { throw failure(index, "is NULL, which \(T.self) cannot hold") }
            return null
        }
        guard let start = unsafe PQgetvalue(result, row, index) else { throw failure(index, "has no value") }
        let length = Int(unsafe PQgetlength(result, row, index))
        let bytes = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(start), byteCount: length)
        do {
            return try T(postgres: bytes, type: actual)
        } catch {
            throw failure(index, "holds \(error.message)")
        }
    }

    private func failure(_ index: Int32, _ problem: String) -> PostgresError {
        let name = unsafe PQfname(result, index).map { unsafe String(cString: $0) } ?? ""
        return PostgresError(.decoding, "column \(index + 1) '\(name)' \(problem)", statement: statement)
    }
}
