package import Glibc
internal import SystemPackage

/// The processes of this machine, as `/proc` shows them.
package enum ProcessTable {
    /// Whose environment has this variable, with its value. Only processes that this one may look into.
    package static func processes(withVariable name: String) -> [(process: pid_t, value: String)] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var found: [(pid_t, String)] = []
        while let entry = readdir(folder) {
            let entryName = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let number = pid_t(entryName), let environment = try? read("/proc/\(number)/environ") else {
                continue
            }
            let prefix = "\(name)="
            for variable in environment.split(separator: 0) {
                let text = String(decoding: variable, as: UTF8.self)
                if text.hasPrefix(prefix) { found.append((number, String(text.dropFirst(prefix.count)))) }
            }
        }
        return found
    }

    package static func read(_ path: String) throws -> [UInt8] {
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
