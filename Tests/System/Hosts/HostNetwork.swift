import Glibc
import Synchronization

/// Machines that share nothing but a network: each is a network namespace (ip-netns(8)) with a link to one bridge, on which this
/// process is the gateway.
struct HostNetwork: Sendable {
    private static let made = Atomic(0)

    /// Whether this machine lets us make hosts: it takes root, and a kernel with the parts that are used here.
    static func isPossible() async -> Bool {
        let name = "af\(getpid())probe"
        let inside = ["ip", "netns", "exec", name]
        let rate = ["tbf", "rate", "1mbit", "burst", "16kb", "latency", "400ms"]
        let random = ["-m", "statistic", "--mode", "random", "--probability", "0.5"]
        var refusal: (any Error)?
        do {
            try await Tool.run(["ip", "netns", "add", name])
            try await Tool.run(["ip", "-n", name, "link", "add", "bridge", "type", "bridge"])
            try await Tool.run(["ip", "-n", name, "link", "add", "one", "type", "veth", "peer", "name", "other"])
            try await Tool.run(inside + ["tc", "qdisc", "add", "dev", "one", "root"] + rate)
            try await Tool.run(inside + ["iptables", "-w", "-A", "INPUT"] + random + ["-j", "DROP"])
        } catch { refusal = error }
        _ = try? await Tool.run(["ip", "netns", "delete", name])
        if let refusal { print("hosts: none can be made here: \(refusal)") }
        return refusal == nil
    }

    let hosts: [String]
    private let prefix: String
    private let subnet: String

    /// - Throws: `ScenarioError` of ip(8). What was made by then is taken away again.
    init(hosts: [String]) async throws {
        let number = Self.made.add(1, ordering: .relaxed).newValue
        self.hosts = hosts
        // Names of interfaces have at most 15 bytes.
        prefix = "af\(getpid())n\(number)"
        subnet = "10.\(200 + number % 50).\(Int(getpid()) % 250)"
        do { try await make() } catch {
            await remove()
            throw error
        }
    }

    /// Of this process on the bridge.
    var gateway: String { "\(subnet).1" }
    var cidr: String { "\(subnet).0/24" }

    func address(_ host: String) -> String { "\(subnet).\(2 + (hosts.firstIndex(of: host) ?? 0))" }

    /// What a command begins with so that it runs there.
    func runner(_ host: String) -> [String] { ["ip", "netns", "exec", namespace(host)] }

    func remove() async {
        for host in hosts { _ = try? await Tool.run(["ip", "netns", "delete", namespace(host)]) }
        _ = try? await Tool.run(["ip", "link", "delete", prefix])
    }

    // MARK: What goes wrong

    /// Nothing that one of them sends reaches the other: neither is told.
    func cut(_ host: String, from other: String) async throws {
        try await filter(host, ["-A", "INPUT", "-s", address(other), "-j", "DROP"])
        try await filter(host, ["-A", "OUTPUT", "-d", address(other), "-j", "DROP"])
    }

    /// Nothing that one side sends reaches the other.
    func split(_ side: [String], from other: [String]) async throws {
        for host in side {
            for stranger in other { try await cut(host, from: stranger) }
        }
    }

    /// Nothing that anybody sends there arrives, and nothing leaves.
    func isolate(_ host: String) async throws {
        for chain in ["INPUT", "OUTPUT"] { try await filter(host, ["-A", chain, "-j", "DROP"]) }
    }

    /// - Parameter percent: Of the packets that arrive, at random.
    func lose(_ percent: Int, at host: String) async throws {
        try await filter(
            host,
            [
                "-A", "INPUT", "-m", "statistic", "--mode", "random", "--probability",
                "0.\(percent < 10 ? "0" : "")\(percent)", "-j", "DROP",
            ])
    }

    /// - Parameter rate: Of what leaves, as tc(8) writes it. What would wait longer than 400 ms is dropped.
    func limit(_ host: String, to rate: String) async throws {
        try await Tool.run(
            runner(host) + [
                "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", rate, "burst", "16kb", "latency",
                "400ms",
            ])
    }

    /// Ends whatever was cut or lost there.
    func heal(_ host: String) async throws { try await filter(host, ["-F"]) }

    private func filter(_ host: String, _ rule: [String]) async throws {
        try await Tool.run(runner(host) + ["iptables", "-w"] + rule)
    }

    // MARK: Making

    private func namespace(_ host: String) -> String { "\(prefix)-\(host)" }

    private func make() async throws {
        try await Tool.run(["ip", "link", "add", prefix, "type", "bridge"])
        try await Tool.run(["ip", "address", "add", "\(gateway)/24", "dev", prefix])
        try await Tool.run(["ip", "link", "set", prefix, "up"])
        for (number, host) in hosts.enumerated() {
            let link = "\(prefix)h\(number)"
            try await Tool.run(["ip", "netns", "add", namespace(host)])
            try await Tool.run([
                "ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace(host),
            ])
            try await Tool.run(["ip", "link", "set", link, "master", prefix, "up"])
            let inside = ["ip", "-n", namespace(host)]
            try await Tool.run(inside + ["address", "add", "\(address(host))/24", "dev", "eth0"])
            for device in ["lo", "eth0"] { try await Tool.run(inside + ["link", "set", device, "up"]) }
        }
    }
}
