internal import Logging

/// A duty that fails is logged and tried again: the database may be away for a while.
func repeating<Result>(
    _ duty: String, every interval: Duration, _ logger: Logger, _ body: () async throws -> Result
) async {
    while !Task.isCancelled {
        do {
            _ = try await body()
        } catch  where !Task.isCancelled {
            logger.error(
                "a duty failed and will be tried again", metadata: ["duty": "\(duty)", "error": "\(error)"])
        } catch {
            return
        }
        try? await Task.sleep(for: interval)
    }
}
