import Postgres
import TestSupport
import Testing

/// What one machine can't show: hosts with a network between them that is slow, loses packets, or is not there.
@Suite(
    .serialized, .timeLimit(.minutes(10)),
    .enabled("hosts need root and a kernel that makes them") { await HostNetwork.isPossible() })
struct HostsTests {
    /// The same contests where nothing goes wrong.
    private static let calm = Once<[ArenaHistory.Contest]>()

    private func expectTheSame(_ ended: HostArena.Ended) async throws {
        #expect(ended.history.flaws.isEmpty)
        #expect(ended.surprises.isEmpty)
        #expect(ended.history.contests.count == Scenario.minersPerWindow)
        let calm = try await Self.calm.value {
            try await ChaosRun(seed: 1, plan: nil, windows: 1).play().history.contests
        }
        #expect(ended.history.contests == calm)
    }

    @Test("a link that is slow or loses packets changes no digest")
    func poorLinks() async throws {
        let ended = try await HostArena.play { arena in
            try await arena.network.limit("work1", to: "256kbit")
            try await arena.network.lose(5, at: "work2")
            try await arena.network.lose(20, at: "work3")
            try await arena.network.limit("coord1", to: "256kbit")
            try await arena.network.lose(5, at: "coord2")
        }
        try await expectTheSame(ended)
    }

    @Test("a worker cut off from the database ends its own work before its leases lapse, and comes back by itself")
    func worker() async throws {
        let ended = try await HostArena.play { arena in
            let (host, address) = ("work1", arena.network.address("work1"))
            try await arena.until("work1 asks for tasks") { arena.world.underWay(from: address) > 0 }
            // Nothing that it began ends by being answered.
            arena.world.suffer(.stuck, by: 1)
            try await arena.network.cut(host, from: HostDatabase.primary)
            let cut = ContinuousClock.now
            try await arena.until("work1 gives up its work") { arena.world.underWay(from: address) == 0 }
            let gaveUp = ContinuousClock.now
            let held = try await arena.owner.run(CountLeases(worker: host)).first ?? 0
            #expect(held > 0, "the leases were others' while work1 still worked")
            try await arena.until("work1's leases lapse") {
                try await arena.owner.run(CountLeases(worker: host)).first == 0
            }
            print("hosts: gave up \(gaveUp - cut) after the cut, its leases lapsed \(.now - gaveUp) later")
            arena.world.suffer(.stuck, by: -1)
            try await arena.network.heal(host)
            try await arena.until("work1 asks for tasks again") { arena.world.underWay(from: address) > 0 }
        }
        try await expectTheSame(ended)
    }

    @Test("a coordinator cut off amid a decision decides nothing; another does, once, and nobody has to help")
    func coordinator() async throws {
        let ended = try await HostArena.play { arena in
            try await arena.until("a contest runs") { try await arena.owner.run(CountContests("running")).first == 1 }
            let hasBeenCut = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                // Who decides waits for this table, and holds the arena's lock meanwhile.
                group.addTask {
                    try await arena.owner.transaction { session in
                        try session.execute("LOCK TABLE affine.contest IN SHARE MODE")
                        while !hasBeenCut.isSet { try session.execute("SELECT pg_sleep(0.02)") }
                    }
                }
                group.addTask {
                    defer { hasBeenCut.set() }
                    let host = try await arena.deciding()
                    try await arena.network.cut(host, from: HostDatabase.primary)
                    print("hosts: \(host) was cut off while it decided")
                }
                try await group.waitForAll()
            }
            let cut = ContinuousClock.now
            #expect(try await arena.owner.run(CountContests("decided")).first == 0)
            try await arena.until("the other coordinator decides") {
                try await arena.owner.run(CountContests("decided")).first ?? 0 > 0
            }
            print("hosts: another coordinator decided \(.now - cut) after the cut")
            for host in HostArena.coordinators { try await arena.network.heal(host) }
        }
        try await expectTheSame(ended)
    }

    @Test("a standby that takes over has every result that was there, and the contests go on")
    func failover() async throws {
        let ended = try await HostArena.play { arena in
            try await arena.until("results come in") { try await arena.owner.run(ListResults()).count > 60 }
            let before = try await arena.owner.run(ListResults())
            try await arena.database.losePrimary()
            let lost = ContinuousClock.now
            try await arena.database.promoteStandby()
            let promoted = ContinuousClock.now
            var after: [String] = []
            try await arena.until("the new primary answers") {
                after = (try? await arena.owner.run(ListResults())) ?? []
                return !after.isEmpty
            }
            #expect(Set(before).subtracting(after).isEmpty)
            try await arena.until("results come in again") {
                try await arena.owner.run(ListResults()).count > after.count
            }
            print(
                "hosts: promoted \(promoted - lost) after the primary's end, \(before.count) results before and",
                "\(after.count) after, the next came \(.now - promoted) after the promotion")
        }
        try await expectTheSame(ended)
    }

    @Test(
        "a primary that lives on beside the promoted standby confirms nothing to those on its side, who come back by themselves"
    )
    func twoPrimaries() async throws {
        let ended = try await HostArena.play { arena in
            let old = [HostDatabase.primary, "coord1", "work1"]
            let others =
                [HostDatabase.standby] + (HostArena.coordinators + HostArena.workers).filter { !old.contains($0) }
            try await arena.until("results come in") { try await arena.owner.run(ListResults()).count > 60 }
            try await arena.network.split(old, from: others)
            let witness = try await arena.database.leavePrimary()
            try await arena.database.promoteStandby()
            try await arena.until("somebody waits for the old primary to confirm a result") {
                try await witness.run(CountUnconfirmed()).first ?? 0 > 0
            }
            let confirmed = try await witness.run(ListResults())
            let verdicts = try await witness.run(CountContests("decided")).first ?? 0
            try await arena.until("another verdict on the new side") {
                (try? await arena.owner.run(CountContests("decided")).first) ?? 0 > verdicts
            }
            #expect(try await witness.run(CountContests("decided")) == [verdicts])
            #expect(try await witness.run(ListResults()) == confirmed, "the old primary confirmed a result")
            #expect(try await Set(confirmed).isSubset(of: arena.owner.run(ListResults())))
            await witness.close()
            // What Patroni's watchdog does, before the network is whole again.
            try await arena.database.losePrimary()
            for host in ["coord1", "work1"] { try await arena.network.heal(host) }
            let healed = ContinuousClock.now
            try await arena.until("work1 is back") {
                try await arena.owner.run(CountHeard(worker: "work1")).first ?? 0 > 0
            }
            print("hosts: work1 was back \(.now - healed) after the old primary's end")
        }
        try await expectTheSame(ended)
    }

    @Test("a database that another authority vouches for, or under another name, is not spoken to")
    func authority() async throws {
        try await HostDatabase.with { database in
            let other = "\(database.folder)/other.pem"
            try await HostDatabase.makeCertificate(other, for: ["192.0.2.1"])
            let accepted = try await Program.run("miner", "list", "--database-url", database.url("affine_coordinator"))
            #expect(accepted.exitCode == 0, "\(accepted.errors)")
            for user in ["affine_worker", "affine_coordinator"] {
                let refused = try await Program.run(
                    "miner", "list", "--database-url", database.url(user, authority: other))
                #expect(refused.exitCode != 0)
                #expect(refused.errors.contains("certificate verify failed"), "\(refused.errors)")
                let misnamed = try await Program.run("miner", "list", "--database-url", database.misnamedURL(user))
                #expect(misnamed.exitCode != 0)
                #expect(misnamed.errors.contains("does not match host name"), "\(misnamed.errors)")
            }
        }
    }
}

private struct CountLeases: Statement {
    static let sql = "SELECT count(*) FROM affine.lease l JOIN affine.worker w ON w.id = l.worker WHERE w.name = $1"
    var worker: String
    func bind(_ bindings: inout Bindings) { bindings.append(worker) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

/// Sessions of a worker that were heard of within two seconds.
private struct CountHeard: Statement {
    static let sql =
        "SELECT count(*) FROM affine.worker WHERE name = $1 AND seen_at > clock_timestamp() - interval '2 s'"
    var worker: String
    func bind(_ bindings: inout Bindings) { bindings.append(worker) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct CountContests: Statement {
    static let sql = "SELECT count(*) FROM affine.contest WHERE state::text = $1"
    var state: String
    init(_ state: String) { self.state = state }
    func bind(_ bindings: inout Bindings) { bindings.append(state) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

/// Rows: each final result as text.
private struct ListResults: Statement {
    static let sql = """
        SELECT concat_ws(' ', evaluation, environment, position, outcome, score_nano) FROM affine.attempt WHERE final
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

/// Sessions whose commit waits for a standby that is gone.
private struct CountUnconfirmed: Statement {
    static let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}
