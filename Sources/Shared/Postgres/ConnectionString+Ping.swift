internal import CPostgres
internal import Dispatch

/// What a server answers to a knock.
public enum ServerAnswer: Sendable {
    case accepting
    /// Starting up, shutting down or out of connections.
    case refusing
    case silent
}

extension ConnectionString {
    /// Asks the server whether it takes connections; needs no valid user or database.
    public func ping() async -> ServerAnswer {
        let url = self.url
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let answer: ServerAnswer =
                    switch unsafe PQping(url) {
                    case PQPING_OK: .accepting
                    case PQPING_REJECT: .refusing
                    default: .silent
                    }
                continuation.resume(returning: answer)
            }
        }
    }
}
