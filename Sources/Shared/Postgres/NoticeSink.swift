internal import CPostgres
internal import Logging
internal import Synchronization

/// Sends the server's notices to a logger; libpq would print them to standard error.
final class NoticeSink: Sendable {
    private let logger: Logger
    private let isFatal = Atomic(false)
    private let isUnreplicated = Atomic(false)

    init(_ logger: Logger) {
        self.logger = logger
    }

    /// Whether the server said, between two statements, that it ends the session.
    var saidFarewell: Bool { isFatal.load(ordering: .relaxed) }

    /// Whether the server said, since this was last asked, that no synchronous standby confirmed a commit. It only warns of that.
    func takeUnreplicated() -> Bool { isUnreplicated.exchange(false, ordering: .relaxed) }

    /// The sink must outlive the connection, which keeps an unowned pointer to it.
    func install(on connection: OpaquePointer) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe _ = PQsetNoticeReceiver(
            connection,
            { context, result in
                guard let context = unsafe context else { return }
                let sink = unsafe Unmanaged<NoticeSink>.fromOpaque(context).takeUnretainedValue()
                let severity = unsafe QueryResult.field("V", of: result) ?? "WARNING"
                let whole = unsafe PQresultErrorMessage(result).map { unsafe String(cString: $0).trimmed }
                if unsafe QueryResult.field("R", of: result) == "SyncRepWaitForLSN" {
                    sink.isUnreplicated.store(true, ordering: .relaxed)
                }
                sink.log(severity, message: unsafe QueryResult.field("M", of: result) ?? whole ?? "")
            }, context)
    }

    private func log(_ severity: String, message: String) {
        if ["FATAL", "PANIC"].contains(severity) { isFatal.store(true, ordering: .relaxed) }
        let isOrdinary = ["NOTICE", "INFO", "LOG", "DEBUG"].contains(severity)
        logger.log(
            level: isOrdinary ? .debug : .warning, "notice from the database",
            metadata: ["postgres.severity": .string(severity), "postgres.message": .string(message)])
    }
}
