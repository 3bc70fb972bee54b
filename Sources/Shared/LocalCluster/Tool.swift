internal import FoundationEssentials
internal import Subprocess
internal import SystemPackage

/// Programs of others that we run to their end.
enum Tool {
    /// The program in the folder that Debian gives it, else along PATH.
    static func find(_ name: String, in folder: String) async -> String? {
        let usual = "\(folder)/\(name)"
        if FileManager.default.isExecutableFile(atPath: usual) { return usual }
        return try? await Executable.name(name).resolveExecutablePath(in: .inherit).string
    }

    /// Runs a program, as the account where there is one, within the time limit.
    static func run(
        _ path: String, _ arguments: [String], in folder: String, as account: ServerAccount?, within limit: Duration
    ) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await run(path, arguments, in: folder, as: account) }
            group.addTask {
                try await Task.sleep(for: limit + .seconds(5))
                throw LocalClusterError(.timedOut, "\(path) did not end within \(limit)")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private static func run(
        _ path: String, _ arguments: [String], in folder: String, as account: ServerAccount?
    ) async throws {
        // The change of account is left to a program: asked of Subprocess, it happens between clone and exec, where glibc
        // can wait for ever on a lock that another thread held at that moment (seen with swift-subprocess 1.0.2).
        let asAccount = account.map {
            ["/usr/bin/setpriv", "--reuid=\($0.user)", "--regid=\($0.group)", "--clear-groups"]
        }
        let words = (asAccount ?? []) + [path] + arguments
        // A fresh environment: PGDATA and its kin would mislead the programs.
        let record = try await Subprocess.run(
            .path(FilePath(words[0])), arguments: Arguments(Array(words.dropFirst())),
            environment: .custom(["PATH": "/usr/bin:/bin", "LC_ALL": "C"]), workingDirectory: FilePath(folder),
            output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
        guard record.terminationStatus.isSuccess else {
            let said = [record.standardOutput, record.standardError].compactMap { $0 }.joined(separator: "\n")
            throw LocalClusterError(.toolFailed, "\(path) \(record.terminationStatus): \(said)")
        }
    }
}
