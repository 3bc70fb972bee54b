import Domain
import Glibc
import HeapModule
import Worker

/// A fleet whose hosts choose their models with the real rule, on a clock of its own.
struct PlacementSimulation {
    /// What is simulated. Times in seconds.
    struct Setting: Sendable {
        var hosts: Int
        /// Jobs that a host has under way at once.
        var lanes: Int
        var models: Int
        var jobs: Int
        /// Of a job, on average; durations have a heavy tail.
        var jobSeconds: Double
        var loadSeconds: Double
        var order: Order
        /// How wrong the champion's durations are about a challenger's: the standard deviation of the logarithm.
        var noise: Double
        var seed: UInt64
    }

    /// In which order a model's jobs are begun.
    enum Order: String, CaseIterable, Encodable {
        /// As they are drawn, which is what a client with a semaphore does.
        case drawn
        /// Those first that are expected to take longest.
        case longest
    }

    private struct Host {
        var model: Int?
        /// Loads until then.
        var loadedAt = 0.0
        var running = 0
    }

    private struct Event: Comparable {
        enum Kind { case loaded, ended }

        let time: Double
        let host: Int
        let kind: Kind

        static func < (left: Event, right: Event) -> Bool { left.time < right.time }
    }

    private let setting: Setting
    private let models: [ModelReference]
    /// Durations of the jobs that nobody has begun, by model; the last is next.
    private var waiting: [[Double]]
    private var hosts: [Host]
    private var events = Heap<Event>()
    private var loads = 0
    private var busySeconds = 0.0

    private init(_ setting: Setting) throws {
        self.setting = setting
        models = try (0..<setting.models).map { number in
            try ModelReference(repository: "models/\(number)", revision: String(repeating: "0", count: 40))
        }
        var chance = Chance("placement \(setting.seed)")
        waiting = (0..<setting.models).map { model in
            let jobs = setting.jobs / setting.models + (model < setting.jobs % setting.models ? 1 : 0)
            let durations = (0..<jobs).map { _ in Self.duration(&chance, mean: setting.jobSeconds) }
            guard setting.order == .longest else { return durations }
            let expected = durations.map { $0 * exp(setting.noise * chance.normal()) }
            return durations.indices.sorted { expected[$0] < expected[$1] }.map { durations[$0] }
        }
        hosts = Array(repeating: Host(), count: setting.hosts)
    }

    /// Pareto with shape 1.8, whose mean is 2.25 times its least value, cut at 30 times the mean as by a timeout.
    private static func duration(_ chance: inout Chance, mean: Double) -> Double {
        min(30 * mean, mean / 2.25 * pow(1 - chance.unit(), -1 / 1.8))
    }

    static func run(_ setting: Setting) throws -> PlacementReport {
        var simulation = try PlacementSimulation(setting)
        let work = simulation.waiting.reduce(0) { $0 + $1.reduce(0, +) }
        let longest = simulation.waiting.reduce(0) { max($0, $1.max() ?? 0) }
        let lanes = Double(setting.hosts * setting.lanes)
        // Every host has to load once, all lanes together have to do all the work, and one lane the longest job.
        let bound = setting.loadSeconds + max(work / lanes, longest)
        let makespan = simulation.play()
        return PlacementReport(
            hosts: setting.hosts, lanes: setting.lanes, models: setting.models, jobs: setting.jobs,
            loadSeconds: setting.loadSeconds, order: setting.order, loads: simulation.loads, makespanSeconds: makespan,
            boundSeconds: bound,
            busyFraction: work / (lanes * makespan))
    }

    /// Until nothing is left; returns when the last job ended.
    private mutating func play() -> Double {
        var now = 0.0
        for host in hosts.indices { step(host, at: now) }
        while let next = events.popMin() {
            now = next.time
            if next.kind == .ended { hosts[next.host].running -= 1 }
            step(next.host, at: now)
            // What one host leaves undone may be another's chance.
            if next.kind == .loaded {
                for host in hosts.indices where hosts[host].running == 0 { step(host, at: now) }
            }
        }
        return now
    }

    /// What a host does next: as many jobs as it has lanes for, or another model.
    private mutating func step(_ host: Int, at now: Double) {
        guard hosts[host].model == nil || hosts[host].loadedAt <= now else { return }
        if let model = hosts[host].model {
            while hosts[host].running < setting.lanes, let seconds = waiting[model].popLast() {
                hosts[host].running += 1
                events.insert(Event(time: now + seconds, host: host, kind: .ended))
            }
        }
        let loaded = hosts[host].model.map { models[$0] }
        let choice = Placement.choose(
            among: openWork(for: host), loaded: loaded, lanes: setting.lanes, loadSeconds: setting.loadSeconds)
        guard case .load(let next) = choice, let model = models.firstIndex(of: next) else { return }
        loads += 1
        hosts[host].model = model
        hosts[host].loadedAt = now + setting.loadSeconds
        events.insert(Event(time: hosts[host].loadedAt, host: host, kind: .loaded))
    }

    private func openWork(for host: Int) -> [OpenWork] {
        models.indices.compactMap { model in
            let isMine = hosts[host].model == model
            guard !waiting[model].isEmpty || (isMine && hosts[host].running > 0) else { return nil }
            let hands = hosts.indices.count { $0 != host && hosts[$0].model == model }
            return OpenWork(
                model: models[model], isBaseline: model == 0,
                workSeconds: Double(waiting[model].count) * setting.jobSeconds,
                heldJobs: isMine ? Int64(hosts[host].running) : 0, hands: Int64(hands))
        }
    }
}

struct PlacementReport: Encodable {
    let hosts: Int
    let lanes: Int
    let models: Int
    let jobs: Int
    let loadSeconds: Double
    let order: PlacementSimulation.Order
    let loads: Int
    let makespanSeconds: Double
    let boundSeconds: Double
    /// Of all lanes' time, loading included.
    let busyFraction: Double

    enum CodingKeys: String, CodingKey {
        case hosts, lanes, models, jobs, order, loads
        case loadSeconds = "load_seconds"
        case makespanSeconds = "makespan_seconds"
        case boundSeconds = "bound_seconds"
        case busyFraction = "busy_fraction"
    }

    /// How near the fleet came to the bound, which need not be reachable.
    var efficiency: Double { boundSeconds / makespanSeconds }

    static let columns = [
        "order", "hosts", "lanes", "models", "jobs", "load s", "loads", "makespan s", "bound s", "bound / makespan",
        "busy",
    ]

    var line: [String] {
        [order.rawValue]
            + [hosts, lanes, models, jobs, Int(loadSeconds), loads, Int(makespanSeconds), Int(boundSeconds)].map(
                String.init)
            + [efficiency, busyFraction].map { "\(($0 * 1_000).rounded() / 10) %" }
    }
}
