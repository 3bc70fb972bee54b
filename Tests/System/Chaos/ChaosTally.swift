import FoundationEssentials
import Synchronization

/// What was done to the arena, by kind.
final class ChaosTally: Sendable {
    struct Row: Sendable {
        var injected = 0
        /// It found nobody to happen to, as when what it would kill is down already.
        var missed = 0
        var skipped: String?
    }

    private let rows = Mutex<[Fault.Kind: Row]>([:])

    private let lines = Mutex<[String]>([])

    /// What happened when, for whoever looks into a failure.
    var story: String { lines.withLock { $0.joined(separator: "\n") } }
    func tell(_ line: String) {
        let time = Date().formatted(.iso8601)
        lines.withLock { $0.append("\(time) \(line)") }
    }

    func injected(_ kind: Fault.Kind, _ count: Int = 1) { rows.withLock { $0[kind, default: Row()].injected += count } }
    func missed(_ kind: Fault.Kind) { rows.withLock { $0[kind, default: Row()].missed += 1 } }
    func skipped(_ kind: Fault.Kind, because reason: String) {
        rows.withLock { $0[kind, default: Row()].skipped = reason }
    }

    subscript(_ kind: Fault.Kind) -> Row { rows.withLock { $0[kind] ?? Row() } }

    var table: String {
        Fault.Kind.allCases.map { kind in
            let row = self[kind]
            let name = kind.rawValue + String(repeating: " ", count: max(0, 40 - kind.rawValue.count))
            let missed = row.missed > 0 ? ", met nobody \(row.missed) times" : ""
            return "  \(name) \(row.skipped.map { "not done here: \($0)" } ?? "\(row.injected) injected\(missed)")\n"
        }.joined()
    }
}
