import Domain
import Foundation
import Postgres
import Testing

/// A history of contests as its blocks and miners make it, whatever happens to those who hold them.
struct Scenario: Sendable {
    static let environments = ["alpha", "beta", "gamma"]
    static let minersPerWindow = 4

    let seed: Int
    let world: ScriptedWorld
    let miners: [ScriptedMiner]
    let owner: Database
    /// What commands connect to, as a coordinator does.
    let url: String

    /// The first champion and the challengers of so many windows.
    static func miners(windows: Int) -> [ScriptedMiner] { (0..<1 + windows * minersPerWindow).map(ScriptedMiner.init) }

    // MARK: Who holds the contests

    /// Holds every contest to its end and runs nothing twice, so that all digests are those of any other run.
    static let coordinator = ["coordinator", "run", "--no-curtail", "--rerun-tasks", "0"]

    /// - Parameter timeToLive: In seconds.
    func worker(_ name: String, timeToLive: Int) -> [String] {
        ["worker", "run", "--name", name, "--concurrency", "4", "--grace", "2", "--ttl", "\(timeToLive)"]
            + miners.flatMap { ["--endpoint", "\($0.model)=\(world.endpointURL($0))"] }
    }

    // MARK: What happens

    func define() async throws {
        for name in Self.environments {
            try await ask([
                "env", "define", name, "--base-url", world.environmentURL(name), "--sampling-count", "20", "--timeout",
                "60", "--max-attempts", "100", "--run-length", "2", "--range", "0..<5000",
            ])
        }
    }

    /// A block that opens a window, then miners who meet the champion in it, one after another.
    func playWindow(_ window: Int) async throws {
        let block = 1_000 + window * 10_000
        let hash = String(repeating: "0", count: 56) + String(format: "%08x", seed &* 65_536 &+ window)
        try await insist(["chain", "observe", "\(block)", String(hash.suffix(64))]) { false }
        let first = window == 0 ? 0 : 1 + window * Self.minersPerWindow
        if window > 0 { try await until("window \(window + 1) opens") { $0.windows == window + 1 } }
        let last = (window + 1) * Self.minersPerWindow
        for miner in miners[first...last] {
            try await insist(["miner", "add", miner.hotkey, miner.model, "--block", "\(miner.number + 1)"]) {
                (try? await owner.run(KnowsMiner(hotkey: miner.hotkey)).first == 1) ?? false
            }
        }
        try await until("the contests of window \(window + 1) end") { progress in
            progress.miners == last + 1 && progress.waiting == 0
        }
    }

    /// Asks until it is done: a command that the server's crash answered may have been carried out all the same.
    private func insist(_ command: [String], _ isDone: () async -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            do { return try await ask(command) } catch {
                if await isDone() { return }
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(300))
            }
        }
    }

    private func ask(_ command: [String]) async throws {
        let ended = try await Program.run(command, environment: ["AFFINE_DATABASE_URL": url])
        guard ended.exitCode == 0 else { throw ScenarioError("\(command): \(ended.errors)") }
    }

    /// - Throws: `ScenarioError` when nothing moved for a minute and a half.
    private func until(_ what: String, _ isReached: (ArenaProgress) -> Bool) async throws {
        var last: ArenaProgress?
        var moved = ContinuousClock.now
        while true {
            if let progress = try? await owner.run(LoadProgress()).first {
                if isReached(progress) { return }
                if progress != last { moved = .now }
                last = progress
            }
            guard .now - moved < .seconds(90) else {
                let state = try? await ArenaHistory.read(owner)
                throw ScenarioError(
                    "stuck before \(what): \(last.map { "\($0)" } ?? "-"); \(state.map { "\($0.flaws) \($0.contests)" } ?? "-")"
                )
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    // MARK: What is left of it

    /// What ended leaves the queue a moment later.
    func untilTidy() async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while .now < deadline {
            if let history = try? await ArenaHistory.read(owner), history.flaws.isEmpty { return }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// What anybody can check afterwards.
    func check() async throws {
        for command in [["contest", "replay", "--all"], ["doctor", "audit"]] {
            let ended = try await Program.run(command, environment: ["AFFINE_DATABASE_URL": url])
            #expect(ended.exitCode == 0, "\(command): \(ended.output) \(ended.errors)")
        }
    }
}

struct ScenarioError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
