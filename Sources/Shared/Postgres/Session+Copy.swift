internal import CPostgres

extension Session {
    /// Copies rows into a table, in binary, and returns how many.
    ///
    /// - Parameters:
    ///   - table: The table's name, with its schema in front where wanted: `queue.job`.
    ///   - bind: Appends one row's values, one for each of `columns`, of exactly the columns' types (textual types are
    ///     all taken for text): COPY converts nothing.
    /// - Throws: `.serverError`, and `.decoding` for a value that is not of its column's type; then no row is stored.
    @discardableResult
    public mutating func copy<Rows: Sequence>(
        into table: String, columns: [String], rows: Rows, _ bind: (Rows.Element, inout Bindings) -> Void
    ) throws(PostgresError) -> Int {
        let target = table.split(separator: ".").map { Self.quoted(String($0)) }.joined(separator: ".")
        let list = columns.map(Self.quoted).joined(separator: ", ")
        let name = "COPY \(table)"
        let types = try columnTypes(of: target, list, name)
        _ = try unsafe command(name, accepts: PGRES_COPY_IN) {
            unsafe PQexec($0, "COPY \(target) (\(list)) FROM STDIN WITH (FORMAT binary)")
        }
        let problem = send(rows, bind, types: types, name)
        // Ends the copy, with an error message when it must not be stored.
        guard unsafe PQputCopyEnd(connection, problem?.message) == 1 else {
            discard()
            throw PostgresError(.connectionLost, unsafe Self.errorMessage(connection), statement: name)
        }
        return try finish(name, problem)
    }

    private mutating func finish(_ name: String, _ problem: PostgresError?) throws(PostgresError) -> Int {
        do {
            // The check for cancellation must not keep us from taking the result.
            let call = self.call
            self.call = nil
            defer { self.call = call }
            let copied = try unsafe command(name) { unsafe PQgetResult($0) }.affectedRows
            drain()
            return copied
        } catch {
            drain()
            throw problem ?? (call?.isCancelled == true && error.sqlState == "57014" ? Call.error : error)
        }
    }

    /// Takes what is left of a command's results: the next can't be sent before.
    private func drain() {
        while let rest = unsafe PQgetResult(connection) { unsafe PQclear(rest) }
    }

    /// Sends rows until one does not fit, the task is cancelled or the connection breaks, which ends the copy.
    private func send<Rows: Sequence>(
        _ rows: Rows, _ bind: (Rows.Element, inout Bindings) -> Void, types: [PostgresType], _ name: String
    ) -> PostgresError? {
        let chunk = 1 << 16
        // Signature, flags, length of a header extension.
        var bytes: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)
        var bindings = Bindings()
        for row in rows {
            bindings.removeAll()
            bind(row, &bindings)
            guard bindings.count == types.count else {
                return PostgresError(
                    .decoding, "\(bindings.count) values for \(types.count) columns", statement: name)
            }
            for (actual, wanted) in zip(bindings.types, types) where actual != wanted {
                guard actual == .text, [.varchar, .bpchar, .name, .json].contains(wanted) else {
                    return PostgresError(.decoding, "\(actual) for a column of \(wanted)", statement: name)
                }
            }
            bindings.appendRow(to: &bytes)
            guard bytes.count >= chunk else { continue }
            if call?.isCancelled == true { return Call.error }
            guard put(bytes) else { return nil }
            bytes.removeAll(keepingCapacity: true)
        }
        bytes.append(integer: Int16(-1))
        _ = put(bytes)
        return nil
    }

    /// False when the connection broke; the result then tells why.
    private func put(_ bytes: [UInt8]) -> Bool {
        unsafe bytes.withUnsafeBytes { buffer in
            let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            return unsafe PQputCopyData(connection, start, Int32(buffer.count)) == 1
        }
    }

    private mutating func columnTypes(
        of table: String, _ list: String, _ name: String
    ) throws(PostgresError) -> [PostgresType] {
        _ = try unsafe command(name) { unsafe PQprepare($0, "", "SELECT \(list) FROM \(table)", 0, nil) }
        return try unsafe command(name) { unsafe PQdescribePrepared($0, "") }.columns.map(\.type)
    }

    static func quoted(_ name: String) -> String {
        "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
