internal import Subprocess
internal import SystemPackage

extension LocalCluster {
    /// Runs one of PostgreSQL's programs, as the server's account where we are root, within the time limit.
    func runTool(_ tool: String, _ arguments: [String]) async throws {
        let version = Files.text("\(data)/PG_VERSION")?.split(separator: "\n").first.map(String.init)
        let found = try await Binaries.find(given: binaries, dataVersion: version)
        let account = ServerAccount.choose(data: data)
        try await withThrowingTaskGroup { group in
            group.addTask { try await Self.run(found.path(tool), arguments, in: folder, as: account) }
            group.addTask {
                try await Task.sleep(for: limit + .seconds(5))
                throw LocalClusterError(.timedOut, "\(tool) did not end within \(limit)")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private static func run(
        _ path: String, _ arguments: [String], in folder: String, as account: ServerAccount?
    ) async throws {
        var options = PlatformOptions()
        if let account {
            options.userID = account.user
            options.groupID = account.group
            options.supplementaryGroups = []
        }
        // A fresh environment: PGDATA and its kin would mislead the programs.
        let record = try await Subprocess.run(
            .path(FilePath(path)), arguments: Arguments(arguments),
            environment: .custom(["PATH": "/usr/bin:/bin", "LC_ALL": "C"]), workingDirectory: FilePath(folder),
            platformOptions: options, output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
        guard record.terminationStatus.isSuccess else {
            let said = [record.standardOutput, record.standardError].compactMap { $0 }.joined(separator: "\n")
            throw LocalClusterError(.toolFailed, "\(path) \(record.terminationStatus): \(said)")
        }
    }
}
