import Glibc

/// A look at the machine's processes.
enum Processes {
    static func exist(commandLineContaining mark: String) -> Bool {
        guard let folder = opendir("/proc") else { return false }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let pid = Int32(name), pid != getpid() else { continue }
            let words = commandLine(of: pid).split(separator: 0)
            // The exact word: the launcher's own command line holds longer texts.
            if words.contains(where: { $0.elementsEqual(mark.utf8) }) { return true }
        }
        return false
    }

    /// Waits until the kernel has taken the processes away; false if they are still there after a while.
    static func vanish(commandLineContaining mark: String) async throws -> Bool {
        try await poll { !exist(commandLineContaining: mark) }
    }

    /// Waits until there is such a process; false if there is none after a while.
    static func appear(commandLineContaining mark: String) async throws -> Bool {
        try await poll { exist(commandLineContaining: mark) }
    }

    /// The process table tells nobody when it changes, so it is looked at now and then.
    private static func poll(_ condition: () -> Bool) async throws -> Bool {
        let limit = ContinuousClock.now + .seconds(60)
        while !condition() {
            guard ContinuousClock.now < limit else { return false }
            try await Task.sleep(for: .milliseconds(20))
        }
        return true
    }

    private static func commandLine(of pid: Int32) -> [UInt8] {
        let descriptor = open("/proc/\(pid)/cmdline", O_RDONLY)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 8_192)
        let count = read(descriptor, &buffer, buffer.count)
        return Array(buffer.prefix(max(0, count)))
    }
}
