internal import CPostgres
internal import Logging

/// One connection to the server, owned: it is closed when its owner lets go of it.
///
/// A session blocks its thread. `Database` lends sessions on threads of their own.
@safe public struct Session: ~Copyable {
    let connection: OpaquePointer
    let canceller: Canceller
    /// The use under way; statements fail once it is cancelled.
    var call: Call?
    private let notices: NoticeSink
    private let settings: DatabaseSettings
    private var prepared: [PreparedKey: String] = [:]
    private var isPoisoned = false

    /// Parameter types are part of the key: they are fixed when a statement is prepared.
    private struct PreparedKey: Hashable {
        let statement: ObjectIdentifier
        let types: [PostgresType]
    }

    private init(_ connection: OpaquePointer, _ settings: DatabaseSettings, _ notices: NoticeSink) {
        unsafe self.connection = connection
        self.settings = settings
        self.notices = notices
        canceller = unsafe Canceller(for: connection)
    }

    deinit { unsafe PQfinish(connection) }

    /// Connects, which may block for the connect timeout.
    static func open(_ settings: DatabaseSettings, logger: Logger) throws(PostgresError) -> Session {
        let place = try ConnectionString(settings.url)
        let notices = NoticeSink(logger)
        guard let connection = unsafe connect(settings) else {
            throw PostgresError(.connectionFailed, "out of memory")
        }
        unsafe notices.install(on: connection)
        guard unsafe PQstatus(connection) == CONNECTION_OK else {
            let lines = unsafe errorMessage(connection)
            let reason = lines.split(whereSeparator: \.isNewline).map { $0.drop { $0.isWhitespace } }.joined(
                separator: " ")
            unsafe PQfinish(connection)
            let name = place.description.isEmpty ? "the default server" : place.description
            throw PostgresError(.connectionFailed, "\(name): \(reason)")
        }
        var session = unsafe Session(connection, settings, notices)
        if settings.ownsServerSession { try session.execute(settings.sessionSettings) }
        return session
    }

    private static func connect(_ settings: DatabaseSettings) -> OpaquePointer? {
        // What stands before `dbname` can be overridden in the URL, what follows cannot.
        let options = [
            ("fallback_application_name", settings.applicationName),
            ("keepalives_idle", "30"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "30000"), ("dbname", settings.url),
            ("connect_timeout", String(max(2, settings.connectTimeout.wholeSeconds))), ("client_encoding", "UTF8"),
        ]
        // One string of C strings behind each other, so that the pointers stay valid during the call.
        let text = options.flatMap { Array($0.0.utf8CString) + Array($0.1.utf8CString) }
        return unsafe text.withUnsafeBufferPointer { buffer in
            var keywords: [UnsafePointer<CChar>?] = unsafe []
            var values: [UnsafePointer<CChar>?] = unsafe []
            var start = buffer.baseAddress
            for (keyword, value) in options {
                unsafe keywords.append(start)
                unsafe start = start?.advanced(by: keyword.utf8.count + 1)
                unsafe values.append(start)
                unsafe start = start?.advanced(by: value.utf8.count + 1)
            }
            unsafe keywords.append(nil)
            unsafe values.append(nil)
            return unsafe PQconnectdbParams(keywords, values, 1)
        }
    }

    /// Runs a statement, prepared on its first use in this session, and returns its rows.
    @discardableResult
    public mutating func run<S: Statement>(_ statement: S) throws(PostgresError) -> [S.Row] {
        let result = try result(of: statement)
        var rows: [S.Row] = []
        rows.reserveCapacity(Int(result.rowCount))
        for index in 0..<result.rowCount {
            var reader = unsafe RowReader(result.pointer, statement: S.name, row: index)
            rows.append(try S.decode(&reader))
        }
        return rows
    }

    /// Runs a statement and returns how many rows it inserted, updated or deleted.
    public mutating func affectedRows<S: Statement>(_ statement: S) throws(PostgresError) -> Int {
        try result(of: statement).affectedRows
    }

    /// Runs SQL text, which may hold several statements, and drops what they return. Never put values into the text.
    public mutating func execute(_ sql: String) throws(PostgresError) {
        _ = try unsafe command(nil) { unsafe PQexec($0, sql) }
    }

    /// Has the server check a statement against the schema without running it. Parameter types are the server's guess.
    public mutating func describe<S: Statement>(_ type: S.Type) throws(PostgresError) -> StatementDescription {
        _ = try unsafe command(S.name) { unsafe PQprepare($0, "", S.sql, 0, nil) }
        let result = try unsafe command(S.name) { unsafe PQdescribePrepared($0, "") }
        return StatementDescription(parameters: result.parameters, columns: result.columns)
    }

    private mutating func result<S: Statement>(of statement: S) throws(PostgresError) -> QueryResult {
        var bindings = Bindings()
        statement.bind(&bindings)
        let types = bindings.types.map(\.oid)
        guard settings.ownsServerSession else {
            return try unsafe command(S.name) { connection in
                unsafe bindings.withParameters { values, lengths, formats in
                    unsafe PQexecParams(
                        connection, S.sql, Int32(lengths.count), types, values, lengths, formats, 1)
                }
            }
        }
        let name = try prepare(S.self, bindings.types)
        return try unsafe command(S.name) { connection in
            unsafe bindings.withParameters { values, lengths, formats in
                unsafe PQexecPrepared(connection, name, Int32(lengths.count), values, lengths, formats, 1)
            }
        }
    }

    private mutating func prepare<S: Statement>(
        _ type: S.Type, _ types: [PostgresType]
    ) throws(PostgresError) -> String {
        let key = PreparedKey(statement: ObjectIdentifier(type), types: types)
        if let name = prepared[key] { return name }
        // The server cuts names at 63 bytes; types of different modules may share a name.
        let short = String(decoding: S.name.utf8.prefix(52), as: UTF8.self)
        let name = prepared.values.contains(short) ? "\(short)_\(prepared.count)" : short
        let oids = types.map(\.oid)
        _ = try unsafe command(S.name) { unsafe PQprepare($0, name, S.sql, Int32(oids.count), oids) }
        prepared[key] = name
        return name
    }

    /// Sends a command and takes its result, or the error it tells of.
    mutating func command(
        _ statement: String?, accepts accepted: ExecStatusType? = nil, _ send: (OpaquePointer) -> OpaquePointer?
    ) throws(PostgresError) -> QueryResult {
        do { try call?.check() } catch { throw named(error, statement) }
        guard let pointer = unsafe send(connection) else {
            isPoisoned = true
            if call?.isCancelled == true { throw named(Call.error, statement) }
            throw PostgresError(.connectionLost, unsafe Self.errorMessage(connection), statement: statement)
        }
        let result = unsafe QueryResult(pointer)
        let status = result.status
        if status == PGRES_FATAL_ERROR { throw failure(result, statement) }
        guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, accepted].contains(status) else {
            // Such as a COPY begun by `execute`: the session can't be used for anything else now.
            isPoisoned = true
            throw PostgresError(
                .serverError, "a result of kind \(status.rawValue) was not expected", statement: statement)
        }
        guard !notices.takeUnreplicated() else {
            throw PostgresError(
                .unreplicated, "committed here, but the wait for a synchronous standby was ended", statement: statement)
        }
        return result
    }

    /// Waits until the synchronous standbys have all that the server committed before, where there are any.
    ///
    /// - Throws: `.unreplicated` when somebody ends that wait as well.
    mutating func awaitReplication() throws(PostgresError) {
        // Whatever has to be confirmed is confirmed with all that was written before it.
        try execute("SELECT pg_logical_emit_message(true, 'affine', '')")
    }

    private mutating func failure(_ result: borrowing QueryResult, _ statement: String?) -> PostgresError {
        if unsafe PQstatus(connection) == CONNECTION_BAD {
            isPoisoned = true
            // We may have hung up ourselves.
            if call?.isCancelled == true { return named(Call.error, statement) }
            return result.error(.connectionLost, statement: statement)
        }
        let error = result.error(.serverError, statement: statement)
        if error.isStalePlan { isPoisoned = true }
        guard error.sqlState == "57014" else { return error }
        if call?.isCancelled == true { return named(Call.error, statement) }
        // One code serves all reasons; a server that speaks another language leaves us with `serverError`.
        return error.message.contains("timeout") ? result.error(.timedOut, statement: statement) : error
    }

    private func named(_ error: PostgresError, _ statement: String?) -> PostgresError {
        var error = error
        error.statement = statement
        return error
    }

    static func errorMessage(_ connection: OpaquePointer) -> String {
        unsafe PQerrorMessage(connection).map { unsafe String(cString: $0).trimmed } ?? ""
    }
}

extension Session {
    /// Whether the pool may lend the session again: whole, and in no transaction.
    var isReusable: Bool {
        unsafe !isPoisoned && PQstatus(connection) == CONNECTION_OK && PQtransactionStatus(connection) == PQTRANS_IDLE
    }

    /// Whether the server has neither hung up meanwhile nor said that it will.
    var isAlive: Bool {
        guard unsafe PQconsumeInput(connection) == 1 else { return false }
        // Has libpq look at what it read, which hands notices to the sink.
        unsafe _ = PQisBusy(connection)
        return unsafe !notices.saidFarewell && PQstatus(connection) == CONNECTION_OK
    }

    /// Has the pool close the session after this use, for one whose settings or roles were changed.
    public mutating func discard() { isPoisoned = true }

    var transactionSettings: String { settings.transactionSettings }
}
