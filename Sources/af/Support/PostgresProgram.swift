import LocalCluster
import Postgres
import Subprocess
import SystemPackage

/// Programs that come with PostgreSQL.
enum PostgresProgram {
    /// Runs one on a database. The address goes with the environment: arguments can be seen by everybody.
    ///
    /// - Throws: `CommandError` with what it said.
    static func run(_ name: String, _ arguments: [String], on url: String) async throws {
        let variables = try ConnectionString(url).environment
        let environment = Dictionary(
            uniqueKeysWithValues: variables.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
        let ended = try await Subprocess.run(
            .path(FilePath(LocalCluster.program(name))), arguments: Arguments(arguments),
            environment: .inherit.updating(environment), output: .discarded, error: .string(limit: 1 << 16))
        try check(name, ended.terminationStatus, ended.standardError)
    }

    /// How many rows a file of pg_dump holds, all of one table.
    ///
    /// - Throws: `CommandError` where the file is none, or is cut short.
    static func rows(in dump: String) async throws -> Int64 {
        let ended = try await Subprocess.run(
            .path(FilePath(LocalCluster.program("pg_restore"))), arguments: ["--data-only", "--file=-", dump],
            input: .none, output: .sequence, error: .string(limit: 1 << 16)
        ) { execution in
            var counter = CopyCounter()
            for try await buffer in execution.standardOutput {
                buffer.withUnsafeBytes { unsafe $0.forEach { counter.read($0) } }
            }
            return counter.rows
        }
        try check("pg_restore", ended.terminationStatus, ended.standardError)
        return ended.closureResult
    }

    private static func check(_ name: String, _ status: TerminationStatus, _ said: String?) throws(CommandError) {
        guard status.isSuccess else {
            let words = (said ?? "").split(separator: "\n").prefix(5).joined(separator: "\n")
            throw CommandError("\(name) failed (\(status)): \(words)")
        }
    }
}

/// Counts the rows of `COPY … FROM stdin` in a script, whatever is in them.
private struct CopyCounter {
    private(set) var rows: Int64 = 0
    /// The first bytes of the line.
    private var start: [UInt8] = []
    private var isData = false

    mutating func read(_ byte: UInt8) {
        guard byte == 0x0A else {
            if start.count < 5 { start.append(byte) }
            return
        }
        if start == Array("\\.".utf8) {
            isData = false
        } else if isData {
            rows += 1
        } else if start == Array("COPY ".utf8) {
            isData = true
        }
        start.removeAll(keepingCapacity: true)
    }
}
