import Coordinator
import Domain
import TestSupport
import Testing

@Suite("The feed of public events", .migratedDatabase, .timeLimit(.minutes(5))) struct EventFeedTests {
    private static let kinds = [
        "miner.crowned", "window.opened", "window.baseline_complete", "contest.opened", "contest.decided",
    ]

    private func play(_ stage: Stage) async throws {
        let miners = try await stage.prepare("ab")
        try await stage.play(miners) { .scored($0.miner == "a" ? 700 : 600) }
    }

    @Test("who listens from the beginning is told each event once, in order, and nothing that is not public")
    func all() async throws {
        try await Stage.with { stage in
            let feed = EventFeed(database: stage.coordinator, interval: .milliseconds(5))
            let listening = feed.listen(after: 0, quiet: 1)
            try await play(stage)
            var text = ""
            for try await chunk in listening {
                text += chunk
                if text.contains("nothing new") { break }
            }
            let events = text.split(separator: "\n\n").filter { $0.hasPrefix("id: ") }
            let ids = events.compactMap { Int($0.prefix { $0 != "\n" }.dropFirst(4)) }
            #expect(ids == ids.sorted() && Set(ids).count == ids.count)
            let told = events.compactMap { event in
                JSONValue(json: event.drop { $0 != "{" }.utf8)?["kind"]?.stringValue
            }
            #expect(told == Self.kinds, "\(text)")
        }
    }

    @Test("who comes later is told what happens from then on; who was away is told what it missed")
    func missed() async throws {
        try await Stage.with { stage in
            try await play(stage)
            let feed = EventFeed(database: stage.coordinator, interval: .zero)
            let newest = try await feed.newest()
            try await #expect(feed.events(after: newest).isEmpty)
            let all = try await feed.events(after: 0)
            #expect(all.count == 5 && all.last?.id == newest)
            try await #expect(feed.events(after: all[1].id).map(\.id) == all[2...].map(\.id))
        }
    }

    @Test("of those who come at once while the feed is new, nobody is told what happened before")
    func atOnce() async throws {
        try await Stage.with { stage in
            try await play(stage)
            let newest = try await stage.owner.value(
                "SELECT max(id) FROM affine.event WHERE kind = 'contest.decided'")
            let feed = EventFeed(database: stage.coordinator)
            let starts = try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<20 { group.addTask { try await feed.newest() } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(starts.map(String.init) == Array(repeating: newest, count: 20))
        }
    }

    @Test("however many ask within an interval, the database is looked at once")
    func once() async throws {
        try await Stage.with { stage in
            let feed = EventFeed(database: stage.coordinator, interval: .seconds(3_600))
            let newest = try await feed.newest()
            try await play(stage)
            for _ in 0..<10 { try await #expect(feed.events(after: newest).isEmpty) }
        }
    }
}
