internal import CPostgres

/// Owns a `PGresult` and clears it.
@safe struct QueryResult: ~Copyable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        unsafe self.pointer = pointer
    }

    deinit { unsafe PQclear(pointer) }

    var status: ExecStatusType { unsafe PQresultStatus(pointer) }
    var rowCount: Int32 { unsafe PQntuples(pointer) }

    /// The command's tag, such as `COMMIT`.
    var tag: String { unsafe PQcmdStatus(pointer).map { unsafe String(cString: $0) } ?? "" }

    /// Rows inserted, updated, deleted or copied; 0 for other commands.
    var affectedRows: Int { unsafe PQcmdTuples(pointer).flatMap { unsafe Int(String(cString: $0)) } ?? 0 }

    var columns: [StatementDescription.Column] {
        (0..<(unsafe PQnfields(pointer))).map { index in
            let name = unsafe PQfname(pointer, index).map { unsafe String(cString: $0) } ?? ""
            return .init(name: name, type: PostgresType(oid: unsafe PQftype(pointer, index)))
        }
    }

    var parameters: [PostgresType] {
        (0..<(unsafe PQnparams(pointer))).map { PostgresType(oid: unsafe PQparamtype(pointer, $0)) }
    }

    /// A part of an error or a notice, by its letter in the protocol.
    func field(_ letter: Unicode.Scalar) -> String? {
        unsafe Self.field(letter, of: pointer)
    }

    static func field(_ letter: Unicode.Scalar, of result: OpaquePointer?) -> String? {
        unsafe PQresultErrorField(result, Int32(letter.value)).map { unsafe String(cString: $0) }
    }

    /// The error this result tells of.
    func error(_ code: PostgresError.Code, statement: String?) -> PostgresError {
        let whole = unsafe PQresultErrorMessage(pointer).map { unsafe String(cString: $0) } ?? ""
        var error = PostgresError(code, field("M") ?? whole.trimmed, statement: statement, sqlState: field("C"))
        error.severity = field("V") ?? field("S")
        error.detail = field("D")
        error.hint = field("H")
        error.constraint = field("n")
        error.origin = field("R")
        return error
    }
}

extension String {
    /// Without white space at either end: libpq ends its messages with a line break.
    var trimmed: String {
        let start = drop(while: \.isWhitespace)
        let end = start.lastIndex { !$0.isWhitespace }
        return end.map { String(start[...$0]) } ?? ""
    }
}
