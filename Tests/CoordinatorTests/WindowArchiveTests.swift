import Coordinator
import CoordinatorAPI
import Digest
import Domain
import Hummingbird
import Postgres
import Rules
import TestSupport
import Testing

/// Closed windows leave the history and come back; `SystemTests.WindowArchiveTests` does so with files.
@Suite("Archived windows", .migratedDatabase) struct WindowArchiveTests {
    private static let window = WindowID(rawValue: 1)
    private static let archive = WindowArchive(
        contests: 1, attempts: 40, contestsDigest: SHA256Digest(of: "contests"),
        attemptsDigest: SHA256Digest(of: "attempts"))
    private static let shown = [
        "SELECT concat_ws(' ', p.*) FROM ops.evaluation_progress p ORDER BY evaluation, environment",
        "SELECT concat_ws(' ', s.*) FROM ops.contest_standing s ORDER BY contest, environment",
        "SELECT concat_ws(' ', s.*) FROM ops.public_score s ORDER BY contest, environment",
        """
        SELECT concat_ws(' ', window_id, evaluation, environment, outcome, sum(tries), sum(jobs)) FROM ops.attempt_minute
        GROUP BY window_id, evaluation, environment, outcome ORDER BY 1
        """,
    ]

    /// Window 1 is closed, with a contest; window 2 is open, with another.
    private func closed(_ body: (Stage, WindowArchives) async throws -> Void) async throws {
        try await Stage.with({ ($0.refreshBlocks, $0.curtail) = (50, false) }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { .scored($0.miner == "a" ? 700 : 600) }
            try await stage.observe(150)
            try await stage.play(miners + stage.admit("c", from: 120)) { .scored($0.miner == "a" ? 700 : 600) }
            try await body(stage, WindowArchives(database: stage.owner))
        }
    }

    private func figures(_ stage: Stage) async throws -> [[String]] {
        var figures: [[String]] = []
        for query in Self.shown { figures.append(try await stage.owner.column(query)) }
        return figures
    }

    @Test("all but the newest closed windows are found, the oldest first, and none that is open or archived")
    func kept() async throws {
        try await closed { stage, archives in
            try await stage.observe(200)
            try await stage.play(stage.admit("d", from: 170)) { .scored($0.miner == "a" ? 700 : 600) }
            let states = try await stage.owner.column("SELECT state FROM affine.task_window ORDER BY id")
            #expect(states == ["closed", "closed", "baseline"])
            for (newest, expected) in [(0, [1, 2]), (1, [1]), (2, []), (9, [])] as [(Int, [Int64])] {
                try await #expect(archives.closed(but: newest).map(\.rawValue) == expected, "\(newest)")
            }
            try await stage.owner.execute(
                "INSERT INTO affine.window_archive VALUES (1, clock_timestamp(), 1, 40, sha256(''), sha256(''))")
            try await #expect(archives.closed(but: 0).map(\.rawValue) == [2])
            try await #expect(archives.closed(but: 1).isEmpty)
        }
    }

    @Test(
        "an open window, one that is none, and one whose last reports may be on their way are refused, each with its reason"
    )
    func refused() async throws {
        try await closed { stage, archives in
            for (window, reason) in [
                (2, "is still open"), (7, "there is no window 7"), (1, "closed only a moment ago"),
            ] {
                let refusal = await #expect(throws: ArchiveRefusal.self) {
                    _ = try await archives.prepare(WindowID(rawValue: Int64(window)))
                }
                #expect(refusal?.description.contains(reason) == true, "\(String(describing: refusal))")
            }
            let open = await #expect(throws: ArchiveRefusal.self) {
                try await archives.detach(WindowID(rawValue: 2), into: Self.archive, drop: true)
            }
            #expect(open?.description == "window 2 is not closed")
            try await #expect(archives.prepare(Self.window, grace: .zero) == 40)
            try await archives.detach(Self.window, into: Self.archive, drop: false)
            let again = await #expect(throws: ArchiveRefusal.self) { _ = try await archives.prepare(Self.window) }
            #expect(again?.description == "window 1 is archived already")
            try await #expect(archives.archive(of: WindowID(rawValue: 2)) == nil)
        }
    }

    @Test(
        "what was decided and summed stays as it was, what needs the jobs says where they are, and all of it comes back"
    )
    func roundTrip() async throws {
        try await closed { stage, archives in
            let before = try await figures(stage)
            let history = ContestHistory(database: stage.coordinator)
            let contests = try await stage.contests()
            #expect(contests.count == 2 && before.allSatisfy { !$0.isEmpty })
            _ = try await archives.prepare(Self.window, grace: .zero)
            try await archives.detach(Self.window, into: Self.archive, drop: false)

            try await #expect(figures(stage) == before)
            try await #expect(
                stage.owner.column("SELECT DISTINCT state FROM ops.job WHERE window_id = 1") == ["archived"])
            await #expect(throws: HistoryError.self) { _ = try await history.tries(of: contests[0]) }
            await #expect(throws: HistoryError.self) {
                _ = try await history.answers(in: contests[0], environment: EnvironmentName("abd"), tasks: [])
            }
            for scope in [HistoryScope.contests([contests[0]]), .window(Self.window)] {
                let gone = await #expect(throws: HistoryError.self) { _ = try await history.replay(scope) }
                #expect(gone?.description.contains("was archived with window 1") == true)
            }
            try await #expect(history.replay(.all).map(\.contest) == [contests[1]])
            let found = try await archives.archive(of: Self.window)
            #expect(found?.archive == Self.archive && found?.hasTable == true)

            try await #expect(archives.attach(Self.window) == 40)
            try await #expect(figures(stage) == before)
            let replayed = try await history.replay(.all)
            #expect(replayed.map(\.contest) == contests && replayed.allSatisfy(\.match))
            try await #expect(stage.events("window.archived") == 1)
            try await #expect(stage.events("window.restored") == 1)
        }
    }

    @Test("a window leaves once those who read its attempts are done, and stays whole where they never are")
    func readers() async throws {
        try await closed { stage, archives in
            _ = try await archives.prepare(Self.window, grace: .zero)
            // Two seconds for each of twenty tries would be long.
            try await stage.owner.execute(
                "ALTER FUNCTION affine.detach_window(bigint, bigint, bigint, bytea, bytea) SET lock_timeout = '20ms'")
            try await OtherSession.holding("SELECT FROM affine.attempt", as: "backup") { release in
                let refusal = await #expect(throws: ArchiveRefusal.self) {
                    try await archives.detach(Self.window, into: Self.archive, drop: true) {}
                }
                #expect(refusal?.description.contains("others read") == true)
                try await #expect(archives.archive(of: Self.window) == nil)
                try await archives.detach(Self.window, into: Self.archive, drop: true) { release() }
            }
            try await #expect(archives.archive(of: Self.window)?.hasTable == false)
        }
    }

    @Test("nothing can be written into a detached table, and one that has other attempts is not taken back")
    func detached() async throws {
        try await closed { stage, archives in
            _ = try await archives.prepare(Self.window, grace: .zero)
            try await archives.detach(Self.window, into: Self.archive, drop: false)
            let table = WindowArchives.table(of: Self.window)
            for change in [
                "INSERT INTO \(table) SELECT * FROM \(table) LIMIT 1", "UPDATE \(table) SET score_nano = 1",
                "DELETE FROM \(table)", "TRUNCATE \(table)",
            ] {
                await #expect(stage.owner.refusal(change)?.sqlState == "AF001")
            }
            try await stage.owner.execute(
                "ALTER TABLE \(table) DISABLE TRIGGER USER; DELETE FROM \(table) WHERE position = 0")
            let refusal = await #expect(throws: ArchiveRefusal.self) { _ = try await archives.attach(Self.window) }
            #expect(refusal?.description == "window 1 was archived with 40 attempts, and the table has 36")
            try await #expect(archives.archive(of: Self.window)?.archive == Self.archive)
        }
    }

    @Test("the public API keeps the verdict of an archived contest, and says that its record is gone")
    func publicAPI() async throws {
        try await closed { stage, archives in
            _ = try await archives.prepare(Self.window, grace: .zero)
            try await archives.detach(Self.window, into: Self.archive, drop: true)
            let router = Router(context: ClientContext.self)
            PublicAPI(database: stage.coordinator, burn: .zero).addRoutes(to: router)
            try await Served.with(router) { url, http in
                let contest = try await Reply.get("\(url)/api/v1/contests/2", http)
                #expect(contest.status == 200 && contest.body["explanation"] == .null)
                #expect(contest.body["is_sealed"] == .bool(false))
                #expect(contest.body["contest"]?["verdict"] == .string("champion_keeps"))
                let export = try await Reply.get("\(url)/api/v1/contests/2/export", http)
                #expect(export.status == 410)
                #expect(export.body["detail"] == .string("contest 2 was archived with window 1"))
            }
        }
    }
}
