import Coordinator
import Domain
import HTTPClient
import Rules
import Synchronization
import TestSupport
import Testing

@Suite("Data sets that grow, and environments that are none", .migratedDatabase) struct RangeSourceTests {
    /// What the data set's server says.
    private final class Page: Sendable {
        private let text: Mutex<String>
        init(_ text: String) { self.text = Mutex(text) }
        var value: String {
            get { text.withLock { $0 } }
            set { text.withLock { $0 = newValue } }
        }
    }

    @Test("ranges are read from a field of JSON, and what was read last is kept when that fails")
    func lastGoodValue() async throws {
        try await Stage.with { stage in
            let page = Page(#"{"data": {"count": 500}}"#)
            let server = LoopbackServer { _ in [.answer(body: Array(page.value.utf8))] }
            var environment = try EnvironmentDefinition.test("abd", count: 10, tasks: 20)
            environment.rangeSource = .init(url: server.url, field: "data.count")
            try await stage.define(environment)
            let http = HTTPClient()
            let sources = RangeSources(database: stage.coordinator, http: http, readsPrivate: true)
            func read() async throws -> [String] {
                try await stage.owner.execute("UPDATE affine.environment SET range_checked_at = NULL")
                try await sources.refresh()
                return try await stage.owner.column(
                    "SELECT concat_ws(' ', dataset_ranges, NULLIF(range_problem, '')) FROM affine.environment")
            }
            try await #expect(read() == ["{[0,500)}"])
            page.value = #"{"data": {"count": [[0, 10], [20, 40]]}}"#
            try await #expect(read() == ["{[0,10),[20,40)}"])
            for broken in [
                "{", "{}", #"{"data": {"count": 0}}"#, #"{"data": {"count": [[9, 3]]}}"#, #"{"data": {"count": 7}}"#,
            ] {
                page.value = broken
                let row = try await read()[0]
                #expect(row.hasPrefix("{[0,10),[20,40)} ") && row.contains("is not valid"), "\(row)")
            }
            // Ids that are named twice are counted once, and a list has an end.
            page.value = #"{"data": {"count": [[0, 5], [0, 5], [3, 6]]}}"#
            try await #expect(read()[0].contains("6 tasks' is not valid"))
            let many = (0..<101).map { "[\($0 * 2), \($0 * 2 + 1)]" }.joined(separator: ",")
            page.value = #"{"data": {"count": [\#(many)]}}"#
            try await #expect(read()[0].contains("101 pairs' is not valid"))
            page.value = #"{"data": {"count": 600}}"#
            try await #expect(read() == ["{[0,600)}"])
            try await #expect(stage.events("environment.ranges_read") == 3)
            let guarded = RangeSources(database: stage.coordinator, http: http, readsPrivate: false)
            try await stage.owner.execute("UPDATE affine.environment SET range_checked_at = NULL")
            try await guarded.refresh()
            let refused = try await stage.owner.value("SELECT dataset_ranges || range_problem FROM affine.environment")
            #expect(refused.hasPrefix("{[0,600)}") && refused.contains("the host's address is not public"))
            // Not asked again before a minute has passed.
            let asked = server.log.requests.count
            try await sources.refresh()
            #expect(server.log.requests.count == asked)
            await http.close()
        }
    }

    @Test(
        "an environment that no contest can be held in is quarantined and reported, and the window opens with the others"
    )
    func quarantine() async throws {
        try await Stage.with({ $0.confidence = ConfidenceBound(criticalMicro: 1_000_000) }) { stage in
            // So many tasks that the sums of a confidence bound would not fit.
            try await stage.define(.test("abd"), .test("ded", count: 70_000, tasks: 100_000))
            try await stage.observe(100)
            try await stage.play(stage.admit("a")) { _ in .scored(500) }
            try await #expect(
                stage.owner.column("SELECT concat_ws(' ', name, enabled) FROM affine.environment ORDER BY name") == [
                    "abd t", "ded f",
                ])
            try await #expect(
                stage.owner.value("SELECT state FROM affine.task_window") == "open")
            let reason = try await stage.owner.value(
                "SELECT subject || ': ' || reason FROM affine.event WHERE kind = 'environment.quarantined'")
            #expect(reason.hasPrefix("ded: environments.ded.sampling_count '70000' is not valid"))
        }
    }

    @Test("when no environment is left the arena waits for one, and the window before stays")
    func noneLeft() async throws {
        try await Stage.with({ $0.confidence = ConfidenceBound(criticalMicro: 1_000_000) }) { stage in
            try await stage.define(.test("ded", count: 70_000, tasks: 100_000))
            try await stage.observe(100)
            try await #expect(stage.play(stage.admit("a")) { _ in .scored(500) } == "no environment is enabled")
        }
    }

    @Test("who waits is shown with when its contest can be expected")
    func expected() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abcd")
            try await #expect(stage.owner.value("SELECT count(*) FROM ops.queue WHERE expected_at IS NULL") == "4")
            try await stage.play(Array(miners.prefix(2))) { .scored($0.miner == "a" ? 700 : 100) }
            // Each contest took ten minutes; the running one has just begun.
            try await stage.owner.execute(
                """
                SET session_replication_role = replica;
                UPDATE affine.contest SET opened_at = decided_at - interval '10 minutes' WHERE state = 'decided';
                UPDATE affine.contest SET opened_at = clock_timestamp() WHERE state = 'running';
                SET session_replication_role = origin
                """)
            let minutes = try await stage.owner.value(
                "SELECT round(extract(epoch FROM expected_at - clock_timestamp()) / 60) FROM ops.queue WHERE position = 1"
            )
            #expect(minutes == "10")
        }
    }
}
