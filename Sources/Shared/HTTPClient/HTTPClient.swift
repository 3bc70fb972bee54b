/// Sends HTTP/1.1 requests through libcurl, all of them driven by one thread of its own.
///
/// Redirects are not followed, no proxy is used, certificates are verified, connections are kept and reused. When a
/// kept connection turns out to have been closed by the server before the first byte of an answer, the request is sent
/// again on a fresh one, whatever its method: a server may see such a request twice.
public final class HTTPClient: Sendable {
    private let mailbox: Mailbox

    public init(settings: HTTPClientSettings = HTTPClientSettings()) {
        mailbox = Mailbox()
        TransferLoop.start(mailbox: mailbox, settings: settings)
    }

    deinit { mailbox.close(waiter: nil) }

    /// Returns the answer of whatever status; cancelling the calling task aborts the transfer at once.
    public func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
        let checked = try CheckedRequest(request)
        guard !Task.isCancelled else { throw checked.error(.cancelled, "the task was cancelled") }
        let id = mailbox.makeID()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                mailbox.start(Ticket(id: id, request: checked, continuation: continuation))
                // A cancellation that came before `start` named a transfer that the loop had not yet heard of.
                if Task.isCancelled { mailbox.cancel(id) }
            }
        } onCancel: {
            mailbox.cancel(id)
        }
        return try result.get()
    }

    /// Ends every transfer in flight with `clientClosed`, closes all connections and returns when that is done.
    ///
    /// Later requests fail with `clientClosed` as well; closing again is harmless.
    public func close() async {
        await withCheckedContinuation { mailbox.close(waiter: $0) }
    }
}
