import Dispatch
import Synchronization

/// Holds the first `count` threads until all of them have come; lets everyone pass afterwards.
///
/// Blocks, which the threads of sessions may.
final class Barrier: Sendable {
    private let group = DispatchGroup()
    private let missing: Atomic<Int>

    init(_ count: Int) {
        missing = Atomic(count)
        for _ in 0..<count { group.enter() }
    }

    func arrive() {
        if missing.subtract(1, ordering: .relaxed).oldValue > 0 { group.leave() }
        group.wait()
    }
}

/// Counts from any thread.
final class Counter: Sendable {
    private let count = Atomic(0)

    func increment() { count.add(1, ordering: .relaxed) }
    var value: Int { count.load(ordering: .relaxed) }
}
