internal import FoundationEssentials
internal import Logging
internal import Postgres

extension LocalCluster {
    /// Makes the cluster where there is none, starts it where it does not run, and returns when it takes connections.
    ///
    /// Two processes may start the same cluster at once: one does the work, the other adopts the result.
    public func start() async throws -> ClusterAddress {
        let account = ServerAccount.choose(data: data)
        try prepareFolder(account)
        return try await start(account, holding: acquireLock())
    }

    private func start(_ account: ServerAccount?, holding lock: borrowing FolderLock) async throws -> ClusterAddress {
        if case .absent = status() { try await initialise(account) }
        let isRunning = if case .running = status() { true } else { false }
        if !isRunning {
            try Postmaster.forgetStale(data: data, socket: socket)
            try configure(account)
            try await launch()
        }
        try await untilAccepting()
        logger.notice(
            isRunning ? "private database adopted" : "private database started",
            metadata: ["postgres.folder": .string(folder)])
        return ClusterAddress(socketFolder: folder, adopted: isRunning)
    }

    private func prepareFolder(_ account: ServerAccount?) throws(LocalClusterError) {
        // The kernel takes 107 bytes; the server also makes a lock file with a longer name.
        guard socket.utf8.count < 100 else {
            throw LocalClusterError(
                .folderUnusable, "'\(folder)' is too long for a socket's path (\(socket.utf8.count) bytes, at most 99)")
        }
        let names = Files.names(in: folder)
        if names.isEmpty {
            try Files.attempt(folder) {
                try $0.createDirectory(
                    atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
            try account?.own(folder)
        } else if !names.contains(where: ["data", "data.partial", "start.lock"].contains) {
            throw LocalClusterError(.folderUnusable, "'\(folder)' is not empty and holds no cluster")
        }
    }

    private func acquireLock() async throws -> FolderLock {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if let lock = try FolderLock.attempt("\(folder)/start.lock") { return lock }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw LocalClusterError(.timedOut, "another process has been starting '\(folder)' for \(limit)")
    }

    /// Under another name first, so that a cluster is either whole or not there.
    private func initialise(_ account: ServerAccount?) async throws {
        let partial = "\(folder)/data.partial"
        try Files.remove(partial)
        let options = durability == .throwaway ? ["--no-sync"] : []
        try await runTool(
            "initdb",
            ["-D", partial, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"] + options)
        let main = "\(partial)/postgresql.conf"
        try Files.write((Files.text(main) ?? "") + "\ninclude_if_exists = 'affine.conf'\n", to: main)
        let data = self.data
        try Files.attempt(data) { try $0.moveItem(atPath: partial, toPath: data) }
    }

    /// Written anew for each start, so that settings can change.
    private func configure(_ account: ServerAccount?) throws(LocalClusterError) {
        let socketFolder = folder.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
        var all = [
            "listen_addresses": "", "unix_socket_directories": "\"\(socketFolder)\"", "port": "5432",
            "unix_socket_permissions": "0700",
            // Compiling a plan takes longer than any of our statements.
            "jit": "off",
        ]
        if durability == .throwaway {
            for key in ["fsync", "synchronous_commit", "full_page_writes"] { all[key] = "off" }
        }
        all.merge(settings) { $1 }
        let lines = all.sorted { $0.key < $1.key }.map { key, value in
            let quoted = value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
            return "\(key) = '\(quoted)'\n"
        }
        let path = "\(data)/affine.conf"
        try Files.write(lines.joined(), to: path)
        try account?.own(path)
    }

    /// Sessions of a server that was killed may hold its memory for a moment, until they notice; so this tries again.
    private func launch() async throws {
        let deadline = ContinuousClock.now + limit
        while true {
            // What earlier starts said would be taken for this one's.
            try Files.remove(log)
            do {
                return try await runTool("pg_ctl", ["-D", data, "-l", log, "-w", "-t", "30", "start"])
            } catch let error as LocalClusterError where error.code == .toolFailed {
                let said = Files.text(log) ?? ""
                guard said.contains("still in use"), ContinuousClock.now < deadline else {
                    throw LocalClusterError(
                        .toolFailed, "the server did not start: \(said.suffix(2000))\(error.detail)")
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private func untilAccepting() async throws {
        let address = try ConnectionString(connectionString())
        let deadline = ContinuousClock.now + limit
        while await address.ping() != .accepting {
            guard ContinuousClock.now < deadline else {
                throw LocalClusterError(.timedOut, "the server in '\(folder)' takes no connections; see \(log)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
