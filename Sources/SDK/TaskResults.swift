internal import Domain

/// Results in the order in which tasks end.
///
/// A task begins when an earlier one's result is taken, so that a slow reader holds no more than `concurrency` results;
/// iterating again goes on where the iteration before stopped. It ends early when the task that reads is cancelled.
/// Like the task group it rests on, it must not leave the closure it is given to.
public struct TaskResults: AsyncSequence {
    let feed: TaskFeed

    public struct AsyncIterator: AsyncIteratorProtocol {
        let feed: TaskFeed

        public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async -> TaskResult? {
            await feed.next(isolation: actor)
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(feed: feed) }
}

/// Keeps a fixed number of tasks going. Used by one task only, the one whose group it is.
final class TaskFeed {
    private var group: TaskGroup<TaskResult>
    private var waiting: ArraySlice<Int64>
    private let run: @Sendable (TaskID) async -> TaskResult

    init(
        _ group: TaskGroup<TaskResult>, tasks: [Int64], concurrency: Int,
        run: @escaping @Sendable (TaskID) async -> TaskResult
    ) {
        self.group = group
        self.run = run
        waiting = tasks[...]
        for _ in 0..<concurrency { begin() }
    }

    func next(isolation actor: isolated (any Actor)?) async -> TaskResult? {
        guard let result = await group.next(isolation: actor), !Task.isCancelled else { return nil }
        begin()
        return result
    }

    private func begin() {
        guard let number = waiting.popFirst() else { return }
        group.addTask { [run] in await run(TaskID(rawValue: number)) }
    }
}
