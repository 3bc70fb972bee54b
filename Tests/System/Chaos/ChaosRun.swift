import Domain
import Foundation
import Glibc
import Postgres
import Synchronization
import Testing

/// A history of contests, with or without faults.
struct ChaosRun: Sendable {
    /// Long enough for each kind of fault once.
    static let shortest = Duration.seconds(48)
    static let minersPerWindow = 4

    struct Ended: Sendable {
        var history: ChaosHistory
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

    private var miners: [ChaosMiner] { (0..<1 + windows * Self.minersPerWindow).map(ChaosMiner.init) }

    func play() async throws -> Ended {
        try await withDataFolder { folder in
            let started = ContinuousClock.now
            let arena = try await ChaosArena(folder: folder, pace: plan == nil ? 0 : 14)
            let ended: Result<Ended, any Error>
            do { ended = .success(try await play(arena, since: started)) } catch { ended = .failure(error) }
            if ((try? ended.get())?.surprises.isEmpty) != true { keepLogs(arena) }
            await arena.server.end()
            return try ended.get()
        }
    }

    private func play(_ arena: ChaosArena, since started: ContinuousClock.Instant) async throws -> Ended {
        for name in ChaosArena.environments { try await define(name, arena) }
        let owner = arena.server.owner()
        let quiet = Quiet(plan == nil)
        let played = try await withThrowingTaskGroup(of: Int?.self) { group in
            group.addTask {
                await arena.world.run()
                return nil
            }
            for unit in arena.units(of: miners) {
                group.addTask {
                    try await arena.supervisor.keepRunning(unit)
                    return nil
                }
            }
            group.addTask {
                var window = 0
                while window < windows, window == 0 || plan == nil || !quiet.hasCome {
                    try await playWindow(window, arena, owner)
                    window += 1
                }
                return window
            }
            if let plan {
                group.addTask {
                    try await disturb(arena, plan, owner)
                    quiet.come()
                    return nil
                }
            }
            defer { group.cancelAll() }
            var played: Int?
            while played == nil || !quiet.hasCome, let ended = try await group.next() {
                played = ended ?? played
            }
            try await untilTidy(owner)
            return played ?? 0
        }
        let history = try await ChaosHistory.read(owner)
        await owner.close()
        try await check(arena)
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

    // MARK: The history

    private func define(_ name: String, _ arena: ChaosArena) async throws {
        try await ask(
            [
                "env", "define", name, "--base-url", arena.world.environmentURL(name), "--sampling-count", "20",
                "--timeout",
                "60", "--max-attempts", "100", "--run-length", "2", "--range", "0..<5000",
            ], arena)
    }

    /// A block that opens a window, then miners who meet the champion in it, one after another.
    private func playWindow(_ window: Int, _ arena: ChaosArena, _ owner: Database) async throws {
        let block = 1_000 + window * 10_000
        let hash = String(repeating: "0", count: 56) + String(format: "%08x", seed &* 65_536 &+ window)
        try await insist(["chain", "observe", "\(block)", String(hash.suffix(64))], arena) { false }
        let first = window == 0 ? 0 : 1 + window * Self.minersPerWindow
        if window > 0 { try await until(owner, "window \(window + 1) opens") { $0.windows == window + 1 } }
        let last = (window + 1) * Self.minersPerWindow
        for miner in miners[first...last] {
            try await insist(["miner", "add", miner.hotkey, miner.model, "--block", "\(miner.number + 1)"], arena) {
                (try? await owner.run(KnowsMiner(hotkey: miner.hotkey)).first == 1) ?? false
            }
        }
        try await until(owner, "the contests of window \(window + 1) end") { progress in
            progress.miners == last + 1 && progress.waiting == 0
        }
    }

    /// Asks until it is done: a command that the server's crash answered may have been carried out all the same.
    private func insist(_ command: [String], _ arena: ChaosArena, _ isDone: () async -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            do { return try await ask(command, arena) } catch {
                if await isDone() { return }
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(300))
            }
        }
    }

    private func ask(_ command: [String], _ arena: ChaosArena) async throws {
        let ended = try await Program.run(
            command, environment: ["AFFINE_DATABASE_URL": arena.server.url("affine_coordinator")])
        guard ended.exitCode == 0 else { throw ChaosError("\(command): \(ended.errors)") }
    }

    /// - Throws: `ChaosError` when nothing moved for a minute and a half.
    private func until(
        _ owner: Database, _ what: String, _ isReached: (ChaosProgress) -> Bool
    ) async throws {
        var last: ChaosProgress?
        var moved = ContinuousClock.now
        while true {
            if let progress = try? await owner.run(LoadProgress()).first {
                if isReached(progress) { return }
                if progress != last { moved = .now }
                last = progress
            }
            guard .now - moved < .seconds(90) else {
                let state = try? await ChaosHistory.read(owner)
                throw ChaosError(
                    "stuck before \(what): \(last.map { "\($0)" } ?? "-"); \(state.map { "\($0.flaws) \($0.contests)" } ?? "-")"
                )
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// What ended leaves the queue a moment later.
    private func untilTidy(_ owner: Database) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while .now < deadline {
            if let history = try? await ChaosHistory.read(owner), history.flaws.isEmpty { return }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// What anybody can check afterwards.
    private func check(_ arena: ChaosArena) async throws {
        for command in [["contest", "replay", "--all"], ["doctor", "audit"]] {
            let ended = try await Program.run(
                command, environment: ["AFFINE_DATABASE_URL": arena.server.url("affine_coordinator")])
            #expect(ended.exitCode == 0, "\(command): \(ended.output) \(ended.errors)")
        }
    }

    private func keepLogs(_ arena: ChaosArena) {
        let kept = "/tmp/affine-chaos-\(getpid())"
        try? FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: true)
        for file in FileManager.default.subpaths(atPath: arena.folder) ?? [] where file.hasSuffix(".log") {
            let name = file.split(separator: "/").last.map(String.init) ?? file
            try? FileManager.default.copyItem(atPath: "\(arena.folder)/\(file)", toPath: "\(kept)/\(name)")
        }
        try? arena.tally.story.write(toFile: "\(kept)/faults.log", atomically: true, encoding: .utf8)
        print("what everybody logged is kept in \(kept)")
    }
}

/// Whether all faults are over.
private final class Quiet: Sendable {
    private let flag: Atomic<Bool>

    init(_ isQuiet: Bool) {
        flag = Atomic(isQuiet)
    }

    var hasCome: Bool { flag.load(ordering: .acquiring) }
    func come() { flag.store(true, ordering: .releasing) }
}
