/// Who has which place and who waits, as a value: it decides, and its owner acts.
struct Pool<Place> {
    enum Answer {
        case place(Place)
        /// There is room: make a place.
        case make
        case wait
        case closed
    }

    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Place, any Error>
    }

    private let limit: Int
    private var made = 0
    /// The place used last is lent first, so that sessions beyond the need stay idle.
    private var idle: [Place] = []
    private var waiters: [Waiter] = []
    private var isClosed = false

    init(limit: Int) {
        self.limit = limit
    }

    mutating func acquire() -> Answer {
        if isClosed { return .closed }
        if let place = idle.popLast() { return .place(place) }
        guard made < limit else { return .wait }
        made += 1
        return .make
    }

    mutating func wait(_ id: UInt64, _ continuation: CheckedContinuation<Place, any Error>) {
        waiters.append(Waiter(id: id, continuation: continuation))
    }

    /// Takes a place back; the continuation returned, if any, is to be resumed with it.
    mutating func release(_ place: Place) -> CheckedContinuation<Place, any Error>? {
        guard waiters.isEmpty else { return waiters.removeFirst().continuation }
        idle.append(place)
        return nil
    }

    /// The continuation of a waiter that gave up, unless it was served meanwhile.
    mutating func cancel(_ id: UInt64) -> CheckedContinuation<Place, any Error>? {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
        return waiters.remove(at: index).continuation
    }

    /// Lends nothing any more; returns those who wait.
    mutating func close() -> [CheckedContinuation<Place, any Error>] {
        isClosed = true
        defer { waiters = [] }
        return waiters.map(\.continuation)
    }
}
