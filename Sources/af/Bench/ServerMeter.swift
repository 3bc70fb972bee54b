import FoundationEssentials
import Glibc
import Postgres

/// What the server has used up so far, for differences.
struct ServerUse: Sendable {
    /// Of the postmaster and all its children, living and gone; nil where the server runs on another machine.
    var cpuSeconds: Double?
    var walBytes: Int64

    static func now(_ database: Database) async throws -> ServerUse {
        let place = try await database.run(WALPosition()).first ?? (0, nil)
        var use = ServerUse(cpuSeconds: nil, walBytes: place.bytes)
        // A child that ends while we look is in neither sum; what was used never shrinks, so the largest sum is right.
        for _ in 0..<5 {
            guard let postmaster = place.postmaster, let seconds = ProcessTimes.ofTree(postmaster) else { return use }
            use.cpuSeconds = max(use.cpuSeconds ?? 0, seconds)
            try await Task.sleep(for: .milliseconds(60))
        }
        return use
    }
}

private struct WALPosition: Statement {
    static let sql = """
        SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint,
               split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::integer
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> (bytes: Int64, postmaster: Int32?) {
        (try row.next(), try row.next())
    }
}

/// Processor time as Linux counts it.
enum ProcessTimes {
    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

    /// A server's: its own time, that of children it has outlived, and that of those that live.
    static func ofTree(_ root: Int32) -> Double? {
        guard let fields = fields(of: root), name(of: root)?.hasPrefix("postgres") == true else { return nil }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let children = names.compactMap { Int32($0) }.compactMap { self.fields(of: $0) }.filter { $0[1] == Int64(root) }
        // Fields 14 to 17 of /proc/PID/stat: user and system time, and those of children that were waited for.
        return Double(([fields] + children).reduce(0) { $0 + $1[11...14].reduce(0, +) }) / ticksPerSecond
    }

    /// One process's own.
    static func of(_ process: Int32) -> Double? {
        fields(of: process).map { Double($0[11] + $0[12]) / ticksPerSecond }
    }

    /// What follows the name, which may hold blanks; letters count as 0.
    private static func fields(of process: Int32) -> [Int64]? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ").map { Int64($0) ?? 0 }
        return fields.count > 14 ? fields : nil
    }

    private static func name(of process: Int32) -> String? {
        try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)
    }
}

/// This process's memory as Linux counts it.
enum ProcessMemory {
    /// The most that was resident at once.
    static var peakBytes: Int64 {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) } ?? 0) * 1_024
    }
}

/// The server's settings that decide what a benchmark says.
struct ServerSettings: Statement {
    static let sql = """
        SELECT name || ' ' || current_setting(name) FROM pg_settings
        WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'commit_delay',
                       'commit_siblings', 'shared_buffers', 'max_wal_size', 'autovacuum')
        ORDER BY name
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

struct DeadTuples: Statement {
    static let sql =
        "SELECT COALESCE(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables WHERE schemaname = 'affine'"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

/// The machine in one line.
enum Machine {
    static var description: String {
        let model = lines("/proc/cpuinfo").first { $0.hasPrefix("model name") }?.split(separator: ":").last ?? "unknown"
        let memory = lines("/proc/meminfo").first { $0.hasPrefix("MemTotal") }?.split(separator: " ").dropFirst().first
        let gibibytes = (memory.flatMap { Int($0) } ?? 0) / 1_048_576
        return "\(sysconf(Int32(_SC_NPROCESSORS_ONLN))) x \(model.drop { $0 == " " }), \(gibibytes) GiB"
    }

    private static func lines(_ path: String) -> [Substring] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
    }
}
