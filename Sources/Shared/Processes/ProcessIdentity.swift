internal import FoundationEssentials
internal import Glibc

/// A process, so named that no later one is taken for it: ids come again, and after a restart of the machine all of them do.
package struct ProcessIdentity: Hashable, Sendable {
    /// What can be said of a process from another.
    package enum Standing: Sendable {
        case alive, dead
        /// It counts processes in another namespace, as in a container of its own: from here nothing can be said.
        case unknown
    }

    /// One word for each part, apart by blanks: fit for a label.
    package let label: String
    private let process: String
    private let started: String
    private let boot: String
    private let namespace: String

    /// A process of this machine; nil when there is none of that id.
    package init?(of process: Int32) {
        guard let started = Self.start(of: String(process)),
            let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8),
            let namespace = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        else { return nil }
        self.init(label: "\(process) \(started) \(boot.trimmed) \(namespace)")
    }

    package init?(label: String) {
        let words = label.split(separator: " ").map(String.init)
        guard words.count == 4, Int32(words[0]) != nil else { return nil }
        self.label = label
        (process, started, boot, namespace) = (words[0], words[1], words[2], words[3])
    }

    package static var current: ProcessIdentity? { ProcessIdentity(of: getpid()) }

    /// - Parameter observer: The process that wants to know, on the machine of the same host name.
    package func standing(seenBy observer: ProcessIdentity) -> Standing {
        guard boot == observer.boot else { return .dead }
        guard namespace == observer.namespace else { return .unknown }
        return Self.start(of: process) == started ? .alive : .dead
    }

    /// When it was started, in ticks since the machine's start; nil for one that has ended, even if its parent has not yet
    /// been told.
    private static func start(of process: String) -> String? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let name = text.lastIndex(of: ")")
        else { return nil }
        // The fields after the name, which may hold blanks: the third of all is the state, the twenty-second the start.
        let fields = text[text.index(after: name)...].split(separator: " ")
        guard fields.count > 19, !["Z", "X"].contains(fields[0]) else { return nil }
        return String(fields[19])
    }
}

extension String {
    fileprivate var trimmed: String { String(prefix { !$0.isWhitespace }) }
}
