package import Domain

/// What one container serves: equal settings of the same environment share it, in whichever window.
package struct ContainerKey: Hashable, Sendable {
    package let environment: EnvironmentName
    package let settings: ContainerSettings

    package init(environment: EnvironmentName, settings: ContainerSettings) {
        self.environment = environment
        self.settings = settings
    }
}

/// A container whose server is ready to be called.
package struct Replica: Hashable, Sendable {
    package let key: ContainerKey
    /// The engine's id of it.
    package let container: String
    /// Where its server is called.
    package let url: String

    package init(key: ContainerKey, container: String, url: String) {
        self.key = key
        self.container = container
        self.url = url
    }
}

/// Decides which replica takes a call, when another is started, and which have been idle for too long. Times are told as
/// what has passed since some moment.
package struct ReplicaTable {
    /// A container to be started, after so long.
    package struct Order: Equatable, Sendable {
        package let key: ContainerKey
        package let delay: Duration

        package init(key: ContainerKey, delay: Duration) {
            self.key = key
            self.delay = delay
        }
    }

    private struct Load {
        var calls: Int
        var usedAt: Duration
    }

    private struct Group {
        var ready: [Replica: Load] = [:]
        var starting = 0
        /// Tickets of calls for which there is no replica yet.
        var waiting: [Int] = []
        var failures = 0
        var notBefore = Duration.zero

        var demand: Int { ready.values.reduce(waiting.count) { $0 + $1.calls } }
        var isOfNoUse: Bool { ready.isEmpty && starting == 0 && waiting.isEmpty && failures == 0 }
    }

    private var groups: [ContainerKey: Group] = [:]

    package init() {}

    package var replicas: [Replica] { groups.values.flatMap(\.ready.keys) }

    /// Takes a replica for a call, the one with the fewest under way; nil makes the ticket wait for one that starts.
    package mutating func take(_ key: ContainerKey, ticket: Int, now: Duration) -> (replica: Replica?, order: Order?) {
        var group = groups[key, default: Group()]
        defer { groups[key] = group }
        let least = group.ready.min { ($0.value.calls, $0.key.container) < ($1.value.calls, $1.key.container) }?.key
        if let least {
            group.ready[least]?.calls += 1
        } else {
            group.waiting.append(ticket)
        }
        let replicas = group.ready.count + group.starting
        guard group.demand > replicas, replicas < key.settings.replicas else { return (least, nil) }
        group.starting += 1
        return (least, Order(key: key, delay: max(.zero, group.notBefore - now)))
    }

    /// - Returns: The tickets that it now serves.
    package mutating func started(_ replica: Replica, now: Duration) -> [Int] {
        var group = groups[replica.key, default: Group()]
        defer { groups[replica.key] = group }
        let served = group.waiting
        group.ready[replica] = Load(calls: served.count, usedAt: now)
        (group.starting, group.waiting, group.failures, group.notBefore) = (group.starting - 1, [], 0, .zero)
        return served
    }

    /// The next start waits longer each time, from a second to a minute.
    ///
    /// - Returns: The tickets that get no replica, unless another is still being started.
    package mutating func failed(_ key: ContainerKey, now: Duration) -> [Int] {
        var group = groups[key, default: Group()]
        defer { groups[key] = group }
        group.starting -= 1
        group.notBefore = now + .seconds(min(60, 1 << min(group.failures, 6)))
        group.failures += 1
        guard group.starting == 0 else { return [] }
        defer { group.waiting = [] }
        return group.waiting
    }

    package mutating func abandon(_ ticket: Int, _ key: ContainerKey) {
        groups[key]?.waiting.removeAll { $0 == ticket }
    }

    package mutating func giveBack(_ replica: Replica, now: Duration) {
        guard let load = groups[replica.key]?.ready[replica] else { return }
        groups[replica.key]?.ready[replica] = Load(calls: load.calls - 1, usedAt: now)
    }

    /// - Returns: Whether it was still there: who is told so tidies up after it.
    package mutating func drop(_ replica: Replica) -> Bool {
        let wasThere = groups[replica.key]?.ready.removeValue(forKey: replica) != nil
        if groups[replica.key]?.isOfNoUse == true { groups[replica.key] = nil }
        return wasThere
    }

    /// Takes out what had no call for as long as its settings allow.
    package mutating func takeIdle(now: Duration) -> [Replica] {
        let idle = groups.flatMap { key, group in
            group.ready.filter { $0.value.calls == 0 && now - $0.value.usedAt >= .seconds(key.settings.idleSeconds) }
                .keys
        }
        return idle.filter { drop($0) }
    }
}
