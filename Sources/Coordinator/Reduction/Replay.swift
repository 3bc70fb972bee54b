public import Domain
internal import Postgres
public import Rules

extension ContestHistory {
    /// Decides contests anew from their job history.
    ///
    /// - Throws: `HistoryError` when a contest that was asked for is unknown or not over.
    public func replay(
        _ scope: HistoryScope, progress: @escaping WorkProgress = { _, _ in }
    ) async throws -> [ReplayResult] {
        try await map(scope, progress: progress) { past in
            switch past.record {
            case .success(let record): ReplayResult(contest: past.contest, record: record, stored: past.stored)
            case .failure(let error): ReplayResult(contest: past.contest, broken: error)
            }
        }
    }

    /// The same for one contest.
    public func replay(_ contest: ContestID) async throws -> ReplayResult {
        guard let result = try await replay(.contests([contest])).first else { throw HistoryError.unknown(contest) }
        return result
    }

    /// Contests that are over as documents that replay without a database.
    ///
    /// - Throws: `HistoryError`; `InvalidValue` when a contest's record can't be put together any more.
    public func archives(
        of scope: HistoryScope, progress: @escaping WorkProgress = { _, _ in }
    ) async throws -> [ContestArchive] {
        try await map(scope, progress: progress) { past in
            ContestArchive(contest: past.contest, record: try past.record.get(), stored: past.stored)
        }
    }
}
