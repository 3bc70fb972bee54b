import Domain
import Foundation
import Glibc
import Postgres
import Testing

/// A history of contests, with or without faults.
struct ChaosRun: Sendable {
    /// Long enough for each kind of fault once.
    static let shortest = Duration.seconds(48)

    struct Ended: Sendable {
        var history: ArenaHistory
        var windows: Int
        var tally: ChaosTally
        var starts: Int
        var surprises: [Supervisor.Surprise]
        var calls: Int
        var seconds: Int
    }

    let seed: Int
    /// Nil for a run that nothing disturbs.
    var plan: ChaosPlan?
    /// The most windows that are played. A disturbed run opens no further one once its plan is over.
    var windows: Int

    private var miners: [ScriptedMiner] { Scenario.miners(windows: windows) }

    func play() async throws -> Ended {
        try await withDataFolder { folder in
            let started = ContinuousClock.now
            let arena = try await ChaosArena(folder: folder, pace: plan == nil ? 0 : 14)
            let ended: Result<Ended, any Error>
            do { ended = .success(try await play(arena, since: started)) } catch { ended = .failure(error) }
            if ((try? ended.get())?.surprises.isEmpty) != true {
                Supervisor.keepLogs(of: arena.folder, story: arena.tally.story)
            }
            await arena.server.end()
            return try ended.get()
        }
    }

    private func play(_ arena: ChaosArena, since started: ContinuousClock.Instant) async throws -> Ended {
        let owner = arena.server.owner()
        let scenario = Scenario(
            seed: seed, world: arena.world, miners: miners, owner: owner, url: arena.server.url("affine_coordinator"))
        try await scenario.define()
        // Whether all faults are over.
        let quiet = Flag(plan == nil)
        let played = try await withThrowingTaskGroup(of: Int?.self) { group in
            group.addTask {
                await arena.world.run()
                return nil
            }
            for unit in arena.units(of: scenario) {
                group.addTask {
                    try await arena.supervisor.keepRunning(unit)
                    return nil
                }
            }
            group.addTask {
                var window = 0
                while window < windows, window == 0 || plan == nil || !quiet.isSet {
                    try await scenario.playWindow(window)
                    window += 1
                }
                return window
            }
            if let plan {
                group.addTask {
                    try await disturb(arena, plan, owner)
                    quiet.set()
                    return nil
                }
            }
            defer { group.cancelAll() }
            var played: Int?
            while played == nil || !quiet.isSet, let ended = try await group.next() {
                played = ended ?? played
            }
            try await scenario.untilTidy()
            return played ?? 0
        }
        let history = try await ArenaHistory.read(owner)
        await owner.close()
        try await scenario.check()
        return Ended(
            history: history, windows: played, tally: arena.tally, starts: arena.supervisor.starts,
            surprises: arena.supervisor.surprises, calls: arena.world.calls,
            seconds: Int((ContinuousClock.now - started) / .seconds(1)))
    }

    private func disturb(_ arena: ChaosArena, _ plan: ChaosPlan, _ owner: Database) async throws {
        let started = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for fault in plan.faults {
                try await Task.sleep(until: started + fault.moment)
                group.addTask {
                    arena.tally.tell("\(fault.kind.rawValue) (\(fault.victim), \(fault.duration))")
                    try await arena.suffer(fault, owner)
                    arena.tally.tell("\(fault.kind.rawValue) is over")
                }
            }
            try await group.waitForAll()
        }
    }
}
