internal import Glibc
internal import Synchronization

/// How often each client of a server may ask: so many requests a second in the long run, and twice as many at once. The generic
/// cell rate algorithm (ITU-T I.371, virtual scheduling), which remembers one instant for each client.
package final class ClientRate: Sendable {
    /// How many clients are told apart; any beyond them share one rate.
    private static let mostClients = 10_000
    private static let burstSeconds = 2

    private let interval: Duration
    private let tolerance: Duration
    private let now: @Sendable () -> ContinuousClock.Instant
    private let clients: Mutex<Clients>

    private struct Clients {
        /// When the next request of a client would come if it kept to the rate.
        var due: [String: ContinuousClock.Instant] = [:]
        /// When those who have been silent were last forgotten: once a second, since it looks at all of them.
        var cleared: ContinuousClock.Instant
    }

    package init(requestsPerSecond: Int, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        interval = .seconds(1) / requestsPerSecond
        tolerance = .seconds(Self.burstSeconds) - interval
        self.now = now
        clients = Mutex(Clients(cleared: now()))
    }

    /// Counts a request. Returns nil when it may be answered, and otherwise how long to wait before the next.
    package func refusal(of client: String) -> Duration? {
        clients.withLock { clients in
            let now = now()
            if clients.due.count >= Self.mostClients, now - clients.cleared >= .seconds(1) {
                clients.due = clients.due.filter { $0.value > now }
                clients.cleared = now
            }
            let isStranger = clients.due[client] == nil && clients.due.count >= Self.mostClients
            let key = isStranger ? "" : client
            let next = max(clients.due[key] ?? now, now)
            guard next - now <= tolerance else { return next - now - tolerance }
            clients.due[key] = next + interval
            return nil
        }
    }

    /// Whom an address stands for: itself, or of an IPv6 address the network of 64 bits, since whoever has one address
    /// there has them all.
    package static func client(of address: String) -> String {
        var groups = [UInt8](repeating: 0, count: 16)
        guard unsafe inet_pton(AF_INET6, address, &groups) == 1 else { return address }
        let isMappedIPv4 = groups.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return groups.prefix(isMappedIPv4 ? 16 : 8).map(String.init).joined(separator: ".")
    }
}
