import FoundationEssentials
import Glibc
import Postgres

/// Two coordinators and three workers over one server, half of them through its pooler.
struct ChaosArena: Sendable {
    let folder: String
    let server: ChaosServer
    let world: ScriptedWorld
    let supervisor: Supervisor
    let clocks: ChaosClocks
    let tally = ChaosTally()

    /// Makes everything but the processes.
    init(folder: String, pace: Int) async throws {
        self.folder = folder
        world = ScriptedWorld(pace: pace)
        server = try await ChaosServer(folder: folder)
        supervisor = Supervisor(folder: folder)
        clocks = try await ChaosClocks(folder: folder)
        try await server.prepare()
    }

    func units(of scenario: Scenario) -> [Supervisor.Unit] {
        let coordinators = (0..<ChaosPlan.coordinators).map { number in
            unit("coordinator-\(number)", "affine_coordinator", isPooled: number > 0, Scenario.coordinator)
        }
        let workers = (0..<ChaosPlan.workers).map { number in
            let name = "worker-\(number)"
            return unit(
                name, "affine_worker", isPooled: number != 1,
                scenario.worker(name, timeToLive: ChaosPlan.timeToLive), clocks.environment(name))
        }
        return coordinators + workers
    }

    private func unit(
        _ name: String, _ user: String, isPooled: Bool, _ arguments: [String], _ environment: [String: String] = [:]
    ) -> Supervisor.Unit {
        Supervisor.Unit(
            name: name, arguments: arguments + (isPooled ? ["--pooled"] : []),
            environment: environment.merging(
                ["AFFINE_DATABASE_URL": isPooled ? server.pooledURL(user) : server.url(user)]) { $1 })
    }

    // MARK: Faults

    /// Lets it happen, and repairs it when its time is over.
    func suffer(_ fault: Fault, _ owner: Database) async throws {
        switch fault.kind {
        case .workerKilled: count(fault.kind, supervisor.send(SIGKILL, to: "worker-\(fault.victim)") != nil)
        case .coordinatorKilled: count(fault.kind, supervisor.send(SIGKILL, to: "coordinator-\(fault.victim)") != nil)
        case .workerFrozen: try await freeze("worker-\(fault.victim)", fault)
        case .workerClockJumps: await setClock("worker-\(fault.victim)", fault)
        case .coordinatorFrozen: try await freeze("coordinator-\(fault.victim)", fault)
        case .postmasterKilled:
            count(fault.kind, await server.killPostmaster())
            try await repair(after: fault.duration)
        case .serverCrashed:
            try await server.crash()
            tally.injected(fault.kind)
            try await repair(after: fault.duration)
        case .poolerKilled:
            count(fault.kind, await server.killPooler())
            try await repair(after: fault.duration)
        case .connectionsCut: cut(fault.kind, try? await owner.run(CutConnections()).first)
        case .settleCut: await cutWhen(fault, owner, CutSettles())
        case .decisionCut: await cutWhen(fault, owner, CutSteps())
        case .environmentSlow: await trouble(.slow, fault)
        case .environmentStuck: await trouble(.stuck, fault)
        case .environmentFails: await trouble(.failing, fault)
        case .diskFull: try await fillDisk(fault)
        }
    }

    private func count(_ kind: Fault.Kind, _ happened: Bool) {
        if happened { tally.injected(kind) } else { tally.missed(kind) }
    }

    private func cut(_ kind: Fault.Kind, _ sessions: Int64?) {
        count(kind, sessions ?? 0 > 0)
    }

    private func trouble(_ trouble: ScriptedWorld.Trouble, _ fault: Fault) async {
        world.suffer(trouble, by: 1)
        tally.injected(fault.kind)
        try? await Task.sleep(for: fault.duration)
        world.suffer(trouble, by: -1)
    }

    private func repair(after pause: Duration) async throws {
        try? await Task.sleep(for: pause)
        try await server.repair(tally)
    }

    private func freeze(_ unit: String, _ fault: Fault) async throws {
        guard let process = supervisor.send(SIGSTOP, to: unit) else { return tally.missed(fault.kind) }
        tally.injected(fault.kind)
        try? await Task.sleep(for: fault.duration)
        kill(process, SIGCONT)
    }

    /// A day ahead, then a day behind, then right again.
    private func setClock(_ unit: String, _ fault: Fault) async {
        for seconds: Int64 in [86_400, -86_400] {
            clocks.set(unit, ahead: seconds)
            try? await Task.sleep(for: fault.duration / 2)
        }
        clocks.set(unit, ahead: 0)
        tally.injected(fault.kind)
    }

    /// Looks again and again, until there is such a session or the time is over.
    private func cutWhen<S: Statement>(_ fault: Fault, _ owner: Database, _ statement: S) async where S.Row == Int64 {
        let end = ContinuousClock.now + fault.duration
        while .now < end, !Task.isCancelled {
            if let sessions = try? await owner.run(statement).first, sessions > 0 { return tally.injected(fault.kind) }
            try? await Task.sleep(for: .milliseconds(1))
        }
        tally.missed(fault.kind)
    }

    private func fillDisk(_ fault: Fault) async throws {
        if let refusal = await server.diskRefusal { return tally.skipped(fault.kind, because: refusal) }
        count(fault.kind, await server.fillDisk())
        try? await Task.sleep(for: fault.duration)
        await server.emptyDisk()
        try await server.repair(tally)
    }
}

/// Rows: how many sessions were ended.
private struct CutConnections: Statement {
    static let sql = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename IN ('affine_worker', 'affine_coordinator')
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct CutSettles: Statement {
    static let sql = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE usename = 'affine_worker' AND state = 'active' AND query LIKE '%settle%'
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct CutSteps: Statement {
    static let sql = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE usename = 'affine_coordinator' AND state IN ('active', 'idle in transaction') AND xact_start IS NOT NULL
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}
