internal import CPostgres

extension Session {
    /// Commits what `body` did when it returns, rolls back when it throws.
    ///
    /// A statement that failed inside fails the transaction, even when `body` caught its error.
    public mutating func transaction<T>(
        _ isolation: IsolationLevel = .readCommitted, _ body: (inout Session) throws -> T
    ) throws -> T {
        precondition(unsafe PQtransactionStatus(connection) == PQTRANS_IDLE, "the session is in a transaction already")
        try execute("BEGIN ISOLATION LEVEL \(isolation.rawValue);" + transactionSettings)
        do {
            let value = try body(&self)
            try commit()
            return value
        } catch {
            rollBack()
            throw error
        }
    }

    private mutating func commit() throws(PostgresError) {
        // COMMIT of a failed transaction answers ROLLBACK, which is no error to the server but is one to us.
        let tag = try unsafe command(nil) { unsafe PQexec($0, "COMMIT") }.tag
        guard tag == "COMMIT" else {
            throw PostgresError(
                .serverError, "rolled back, because a statement in the transaction had failed", sqlState: "25P02")
        }
    }

    /// A session that cannot roll back is not used again, and closing it rolls back.
    private mutating func rollBack() {
        guard unsafe PQtransactionStatus(connection) != PQTRANS_IDLE else { return }
        do { _ = try unsafe command(nil) { unsafe PQexec($0, "ROLLBACK") } } catch { discard() }
    }
}
