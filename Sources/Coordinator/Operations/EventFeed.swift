internal import Domain
package import Postgres
internal import Records

/// What happened in the arena and concerns everybody, as Server-Sent Events have it.
package struct PublicEvent: Sendable {
    package var id: Int64
    /// The fields `id` and `data`, and the blank line that ends an event.
    package var text: String
}

/// The public events, read from the database at most once in an interval however many listen.
package actor EventFeed {
    /// How many events are kept for those who listen; who is further behind reads a page of its own.
    private static let kept = 1_000

    private let database: Database
    private let interval: Duration
    private var recent: [PublicEvent] = []
    /// Every public event after this one is in `recent`; nil before the first look.
    private var floor: Int64?
    private var looked: ContinuousClock.Instant?

    package init(database: Database, interval: Duration = .milliseconds(500)) {
        self.database = database
        self.interval = interval
    }

    /// The newest event there is, to listen from; 0 when there is none.
    package func newest() async throws -> Int64 {
        try await look()
        if let newest = recent.last?.id ?? floor { return newest }
        // Somebody else's first look is still under way.
        return try await database.run(NewestPublicEvent()).first ?? 0
    }

    /// The events after one, the oldest first: those that are there, or none.
    package func events(after id: Int64) async throws -> [PublicEvent] {
        try await look()
        guard let floor, id < floor else { return recent.filter { $0.id > id } }
        return try await database.run(LoadPublicEvents(after: id))
    }

    private func look() async throws {
        if let looked, ContinuousClock.now - looked < interval { return }
        // Set before the wait: whoever asks meanwhile does not look too.
        looked = .now
        do {
            let start: Int64
            if let newest = recent.last?.id ?? floor {
                start = newest
            } else {
                start = try await database.run(NewestPublicEvent()).first ?? 0
                floor = start
            }
            let found = try await database.run(LoadPublicEvents(after: start))
            recent += found.filter { $0.id > recent.last?.id ?? start }
            if recent.count > Self.kept {
                let dropped = recent.count - Self.kept
                floor = recent[dropped - 1].id
                recent.removeFirst(dropped)
            }
        } catch {
            looked = nil
            throw error
        }
    }

    /// The events after one, as they come, for as long as somebody listens. When nothing happens a comment says every
    /// `quiet` intervals that the connection lives.
    package nonisolated func listen(after id: Int64, quiet: Int = 30) -> Listening {
        Listening(feed: self, interval: interval, quiet: quiet, after: id)
    }

    package struct Listening: AsyncSequence, Sendable {
        let feed: EventFeed
        let interval: Duration
        let quiet: Int
        let after: Int64

        package struct Iterator: AsyncIteratorProtocol {
            let listening: Listening
            var after: Int64
            var begun = false

            package mutating func next() async throws -> String? {
                // At once, so that the client sees that it is connected.
                guard begun else {
                    begun = true
                    return "retry: 2000\n\n"
                }
                for _ in 0..<listening.quiet {
                    let events = try await listening.feed.events(after: after)
                    if let last = events.last {
                        after = last.id
                        return events.map(\.text).joined()
                    }
                    try await Task.sleep(for: listening.interval)
                }
                return ": nothing new\n\n"
            }
        }

        package func makeAsyncIterator() -> Iterator { Iterator(listening: self, after: after) }
    }
}

/// The kinds of events that concern everybody.
private let publicKinds = [
    "contest.opened", "contest.decided", "window.opened", "window.baseline_complete", "miner.crowned",
]

private struct NewestPublicEvent: Statement {
    static let sql = "SELECT id FROM affine.event WHERE kind = ANY ($1) ORDER BY id DESC LIMIT 1"
    func bind(_ bindings: inout Bindings) { bindings.append(publicKinds) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

/// A page of them. Nobody's name but hotkeys is in it, and nothing that is sealed.
private struct LoadPublicEvents: Statement {
    static let sql = """
        SELECT id, jsonb_build_object('id', id, 'at', at, 'kind', kind, 'subject', subject, 'reason', reason)::text
        FROM affine.event WHERE id > $1 AND kind = ANY ($2) ORDER BY id LIMIT 500
        """
    var after: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(after)
        bindings.append(publicKinds)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> PublicEvent {
        let id: Int64 = try row.next()
        return try PublicEvent(id: id, text: "id: \(id)\ndata: \(row.next(String.self))\n\n")
    }
}
