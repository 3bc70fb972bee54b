import Foundation

/// What the queue promises, in a few lines: what is ready, leased and attempted, and what each call answers. Which runs a
/// claim takes is the queue's choice, and checked against what it might take.
struct QueueModel {
    struct Waiting: Hashable, Comparable {
        var position: Int32
        var attempt: Int16
        /// The worker that a backup must not go to.
        var straggler: UUID?

        static func < (a: Self, b: Self) -> Bool {
            (a.position, a.attempt, a.straggler?.uuidString ?? "")
                < (b.position, b.attempt, b.straggler?.uuidString ?? "")
        }
    }

    struct Held {
        var worker: UUID
        var attempt: Int16
        var straggler: UUID?
        var positions: Set<Int32>
        var isBackedUp = false
    }

    struct Tried: Hashable {
        var position: Int32
        var attempt: Int16
        var isBackup: Bool
        var isFinal: Bool
        var lease: UUID
        /// Whose report it was; nil for what a rescue wrote.
        var reporter: UUID?
    }

    let maximumAttempts: Int16
    var ready: [Waiting]
    var leases: [UUID: Held] = [:]
    var attempts: Set<Tried> = []
    /// Attempts by the model's own merit, which durations are measured by.
    var measured = 0

    init(jobs: Int32, maximumAttempts: Int16) {
        self.maximumAttempts = maximumAttempts
        ready = (0..<jobs).map { Waiting(position: $0, attempt: 1, straggler: nil) }
    }

    func isFinal(_ position: Int32) -> Bool { attempts.contains { $0.position == position && $0.isFinal } }

    /// Whether nothing is left to report of a position under such a lease.
    private func isDone(_ position: Int32, _ held: Held) -> Bool {
        attempts.contains {
            $0.position == position
                && ($0.isFinal || ($0.attempt >= held.attempt && $0.isBackup == (held.straggler != nil)))
        }
    }

    /// - Parameter left: what the queue says is ready afterwards. A lease that lost its worker can have been backed up
    ///   twice; backups that are alike become one, so that the leases alone do not tell which runs were taken.
    /// - Returns: False when the queue gave what it did not have, or less than it should.
    mutating func claim(_ taken: [UUID: Held], leaving left: [Waiting], by worker: UUID, runs: Int) -> Bool {
        var gone = ready
        for waiting in left {
            guard let index = gone.firstIndex(of: waiting) else { return false }
            gone.remove(at: index)
        }
        let given = taken.values.flatMap { lease in
            lease.positions.map { Waiting(position: $0, attempt: lease.attempt, straggler: lease.straggler) }
        }
        let expected = min(runs, ready.count { $0.straggler != worker })
        ready = left
        leases.merge(taken) { $1 }
        return gone.count == expected && Set(gone) == Set(given) && Set(given).count == given.count
            && !gone.contains { $0.straggler == worker }
    }

    /// - Parameters:
    ///   - isOwn: whether the outcome is the model's own merit or fault, and so final.
    ///   - isFirst: whether it is the batch's first report of the position under the lease.
    mutating func report(
        _ lease: UUID, _ position: Int32, isOwn: Bool, by worker: UUID, isFirst: Bool
    ) -> String {
        guard var held = leases[lease], held.worker == worker, held.positions.contains(position) else {
            let wasReported = attempts.contains {
                $0.lease == lease && $0.position == position && $0.reporter == worker
            }
            return wasReported ? "duplicate" : "superseded"
        }
        guard isFirst, isOwn ? !isFinal(position) : !isDone(position, held) else { return "duplicate" }
        let isBackup = held.straggler != nil
        let isFinal = isOwn || (!isBackup && held.attempt >= maximumAttempts)
        attempts.insert(
            Tried(
                position: position, attempt: held.attempt, isBackup: isBackup, isFinal: isFinal, lease: lease,
                reporter: worker))
        if isOwn { measured += 1 }
        if !isFinal {
            if !isBackup { ready.append(Waiting(position: position, attempt: held.attempt + 1, straggler: nil)) }
            held.positions.remove(position)
            leases[lease] = held.positions.isEmpty ? nil : held
        }
        return "accepted"
    }

    mutating func finish(_ lease: UUID, by worker: UUID) {
        guard let held = leases[lease], held.worker == worker else { return }
        if held.positions.allSatisfy({ isDone($0, held) }) { leases[lease] = nil }
    }

    /// All at once: what is written of one lease does not spare another.
    mutating func requeue(_ ids: [UUID], counted: Bool) {
        let before = self
        for id in ids {
            guard let held = leases.removeValue(forKey: id) else { continue }
            let isBackup = held.straggler != nil
            for position in held.positions where !before.isDone(position, held) {
                let isSpent = counted && !isBackup && held.attempt >= maximumAttempts
                if counted {
                    attempts.insert(
                        Tried(
                            position: position, attempt: held.attempt, isBackup: isBackup, isFinal: isSpent, lease: id,
                            reporter: nil))
                }
                guard !isSpent, !(counted && isBackup) else { continue }
                ready.append(
                    Waiting(position: position, attempt: held.attempt + (counted ? 1 : 0), straggler: held.straggler))
            }
        }
    }

    mutating func release(_ lease: UUID, _ positions: [Int32], by worker: UUID) {
        guard var held = leases[lease], held.worker == worker else { return }
        for position in positions where held.positions.contains(position) && !isDone(position, held) {
            ready.append(Waiting(position: position, attempt: held.attempt, straggler: held.straggler))
            held.positions.remove(position)
        }
        leases[lease] = held.positions.isEmpty ? nil : held
    }

    /// - Parameter late: leases that have lasted too long.
    mutating func backUp(late: [UUID]) {
        ready = ready.filter { $0.straggler == nil || !isFinal($0.position) }
        guard ready.isEmpty, measured >= 10 else { return }
        for id in late {
            guard let held = leases[id], held.straggler == nil, !held.isBackedUp else { continue }
            leases[id]?.isBackedUp = true
            for position in held.positions where !isDone(position, held) {
                ready.append(Waiting(position: position, attempt: held.attempt, straggler: held.worker))
            }
        }
    }
}
