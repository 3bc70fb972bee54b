internal import Glibc
internal import SystemPackage

/// A process of this machine, told apart from a later one with the same number.
struct ProcessIdentity: Hashable, Sendable, CustomStringConvertible {
    /// Of the namespace that `number` counts in: a container numbers its processes anew.
    let namespace: String
    let number: pid_t
    /// In clock ticks since the machine started.
    let startedAt: UInt64

    var description: String { "\(namespace):\(number):\(startedAt)" }

    /// - Throws: `Errno` where `/proc` can't be read.
    static func current() throws -> ProcessIdentity {
        guard let startedAt = startTime(of: getpid()) else { throw Errno.noSuchProcess }
        return ProcessIdentity(namespace: try ownNamespace(), number: getpid(), startedAt: startedAt)
    }

    /// Reads what `description` wrote; nil for anything else.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let number = pid_t(parts[1]), let startedAt = UInt64(parts[2]) else { return nil }
        self.init(namespace: String(parts[0]), number: number, startedAt: startedAt)
    }

    private init(namespace: String, number: pid_t, startedAt: UInt64) {
        self.namespace = namespace
        self.number = number
        self.startedAt = startedAt
    }

    /// Whether the process is known to have ended; of another namespace's nobody here can tell.
    var hasEnded: Bool {
        (try? Self.ownNamespace()) == namespace && Self.startTime(of: number) != startedAt
    }

    private static func ownNamespace() throws -> String {
        var buffer = [CChar](repeating: 0, count: 64)
        let length = readlink("/proc/self/ns/pid", &buffer, buffer.count)
        guard length > 0 else { throw Errno(rawValue: errno) }
        // `pid:[4026531836]`: the digits say it all.
        return String(
            decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)).filter { (0x30...0x39).contains($0) },
            as: UTF8.self)
    }

    /// Field 22 of `/proc/N/stat`, counted after the name, which may hold anything; nil when there is no such process.
    private static func startTime(of number: pid_t) -> UInt64? {
        guard let stat = try? ProcessTable.read("/proc/\(number)/stat") else { return nil }
        let fields = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ")
        guard let fields, fields.count > 19, fields[0] != "Z" else { return nil }
        return UInt64(fields[19])
    }
}

/// The processes of this machine, as `/proc` shows them.
enum ProcessTable {
    /// Whose environment has this variable, with its value. Only processes that this one may look into.
    static func processes(withVariable name: String) -> [(process: pid_t, value: String)] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var found: [(pid_t, String)] = []
        while let entry = readdir(folder) {
            let name_ = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let number = pid_t(name_), let environment = try? read("/proc/\(number)/environ") else { continue }
            let prefix = "\(name)="
            for variable in environment.split(separator: 0) {
                let text = String(decoding: variable, as: UTF8.self)
                if text.hasPrefix(prefix) { found.append((number, String(text.dropFirst(prefix.count)))) }
            }
        }
        return found
    }

    static func read(_ path: String) throws -> [UInt8] {
        let file = try FileDescriptor.open(FilePath(path), .readOnly)
        return try file.closeAfter {
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 1 << 14)
            while true {
                let count = try chunk.withUnsafeMutableBytes { try file.read(into: $0) }
                guard count > 0 else { return bytes }
                bytes += chunk[..<count]
            }
        }
    }
}
