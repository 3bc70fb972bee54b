import Domain
import FoundationEssentials
import Synchronization
import TestSupport

/// A miner of the recorded history, whose model scores what its name and the task say and nothing else.
struct ScriptedMiner: Sendable {
    let number: Int
    let hotkey: String

    init(_ number: Int) {
        let digits = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZ")
        self.number = number
        hotkey = "5" + String(repeating: "C", count: 45) + String([digits[number / 33 % 33], digits[number % 33]])
    }

    var repository: String { "chaos/m\(number)" }
    var model: String { "\(repository)@\(String(repeating: "a", count: 40))" }

    /// In percent, of tasks solved.
    private var skill: Int {
        var random = SeededRandom(seed: 7_919 * (number + 1))
        return random.int(25...85)
    }

    /// In quarters.
    func score(task: Int64, environment: String) -> String {
        let salt = environment.utf8.reduce(Int64(17)) { ($0 &* 31 &+ Int64($1)) % 1_000_003 }
        var random = SeededRandom(seed: Int((task &* 1_009 &+ salt &+ Int64(number) &* 1_000_003) % 1_000_000_007))
        guard random.chance(skill) else { return random.pick(["0", "0.25"]) }
        return random.pick(["0.75", "1"])
    }
}

/// Models and environments, which live in this process and are no part of the arena.
final class ScriptedWorld: Sendable {
    enum Trouble { case stuck, slow, failing }

    private struct Mood {
        /// How many want each; answers come only while time passes.
        var troubles: [Trouble: Int] = [:]
        var calls = 0

        func has(_ trouble: Trouble) -> Bool { troubles[trouble, default: 0] > 0 }
    }

    private let mood = Mutex(Mood())
    private let models: LoopbackServer
    private let servers: Mutex<LoopbackServer?> = Mutex(nil)

    /// - Parameters:
    ///   - pace: The most beats of the world's clock that a task takes; 0 to answer at once.
    ///   - address: Of this machine, where models and environments answer.
    init(pace: Int, address: String = "127.0.0.1") {
        models = LoopbackServer(address: address) { request in
            let place = request.line.split(separator: "/").dropFirst().first ?? ""
            guard request.line.contains("/v1/models ") else { return [.answer(404)] }
            return [.answer(body: #"{"object":"list","data":[{"id":"chaos/\#(place)"}]}"#.utf8)]
        }
        let environment = LoopbackServer(address: address) { [weak self] request in
            self?.answer(request, pace: pace) ?? [.close]
        }
        servers.withLock { $0 = environment }
    }

    func environmentURL(_ name: String) -> String { servers.withLock { $0?.url ?? "" } + "/\(name)" }
    func endpointURL(_ miner: ScriptedMiner) -> String { "\(models.url)/m\(miner.number)/v1" }

    /// How many tasks a worker there has asked for and waits for.
    func underWay(from address: String) -> Int { servers.withLock { $0?.log.underWay[address] ?? 0 } }

    /// How many tasks were asked; more than there are, since what is lost is asked again.
    var calls: Int { mood.withLock(\.calls) }

    func suffer(_ trouble: Trouble, by change: Int) {
        mood.withLock { $0.troubles[trouble, default: 0] += change }
    }

    /// The world's clock: each beat brings every answer nearer.
    func run() async {
        while !Task.isCancelled {
            let (stuck, slow) = mood.withLock { ($0.has(.stuck), $0.has(.slow)) }
            try? await Task.sleep(for: .milliseconds(slow ? 400 : 50))
            if !stuck { servers.withLock { $0 }?.release() }
        }
    }

    private func answer(_ request: LoopbackServer.Request, pace: Int) -> [LoopbackServer.Step] {
        guard let kwargs = request.json?["kwargs"], let task = kwargs["task_id"]?.integerValue,
            let model = kwargs["model"]?.stringValue, let number = Int(model.dropFirst("chaos/m".count)),
            let environment = request.line.split(separator: "/").dropFirst().first
        else { return [.answer(400)] }
        let (isFailing, calls) = mood.withLock { mood in
            mood.calls += 1
            return (mood.has(.failing), mood.calls)
        }
        let beats = pace == 0 ? 0 : 1 + Int(task) % pace
        let wait = [LoopbackServer.Step](repeating: .hold, count: beats)
        if isFailing, calls.isMultiple(of: 2) { return wait + [.reset] }
        return wait + [.score(ScriptedMiner(number).score(task: task, environment: String(environment)))]
    }
}
