import Foundation
import Glibc
import LocalCluster
import Postgres
import TestSupport
import Testing

private struct Greeting: Statement {
    static let sql = "SELECT text FROM greeting"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

private struct Listening: Statement {
    static let sql = "SELECT current_setting('listen_addresses') || current_setting('work_mem')"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

@Suite(.timeLimit(.minutes(10))) struct LocalClusterTests {
    /// A cluster in a folder that is gone afterwards.
    private func withCluster(
        _ durability: LocalCluster.Durability = .throwaway, _ body: (LocalCluster) async throws -> Void
    ) async throws {
        let folder = "/tmp/affine-cluster-\(getpid())-\(UInt32.random(in: 0 ... .max)) it's"
        let cluster = LocalCluster(
            folder: folder, durability: durability, settings: ["work_mem": "5MB"], logger: FreshDatabase.logger)
        let result: Result<Void, any Error>
        do { result = .success(try await body(cluster)) } catch { result = .failure(error) }
        try await cluster.stop(.immediate)
        try? FileManager.default.removeItem(atPath: folder)
        try result.get()
    }

    private func withDatabase<T: Sendable>(
        _ cluster: LocalCluster, _ body: @Sendable (inout Session) throws -> T
    ) async throws -> T {
        let database = Database(
            DatabaseSettings(url: cluster.connectionString()), logger: FreshDatabase.logger)
        let result: Result<T, any Error>
        do { result = .success(try await database.withSession(body)) } catch { result = .failure(error) }
        await database.close()
        return try result.get()
    }

    private func processID(_ cluster: LocalCluster) throws -> Int32 {
        guard case .running(let id) = cluster.status() else { throw Absent() }
        return id
    }

    private struct Absent: Error {}

    @Test("a cluster is made, keeps its data over a stop, and listens on no network")
    func lifecycle() async throws {
        try await withCluster(.durable) { cluster in
            #expect(cluster.status() == .absent)
            #expect(try await !cluster.start().adopted)
            try await withDatabase(cluster) { session in
                try session.execute("CREATE TABLE greeting AS SELECT 'hello' AS text")
                try #expect(session.run(Listening()) == ["5MB"])
            }
            let server = try processID(cluster)
            try await cluster.stop()
            #expect(!FileManager.default.fileExists(atPath: "/proc/\(server)/cwd"), "it has not exited yet")
            #expect(cluster.status() == .stopped)
            try await cluster.stop()
            #expect(try await !cluster.start().adopted)
            #expect(try await withDatabase(cluster) { try $0.run(Greeting()) } == ["hello"])
        }
    }

    @Test("a server that was killed counts as stopped also where nobody takes notice of its end, and starts again")
    func unburied() async throws {
        try await withCluster { cluster in
            _ = try await cluster.start()
            try await cluster.stop(.immediate)
            // As in a container whose first process waits for no children that are not its own.
            let ghost = Bystander()
            ghost.kill()
            defer { ghost.bury() }
            for file in ["data/postmaster.pid", ".s.PGSQL.5432.lock"] {
                try "\(ghost.process)\n".write(
                    toFile: "\(cluster.folder)/\(file)", atomically: true, encoding: .utf8)
            }
            try #require(cluster.status() == .stopped)
            #expect(try await !cluster.start().adopted)
        }
    }

    @Test("several starts at once make one cluster, and a running one is adopted")
    func adoption() async throws {
        try await withCluster { cluster in
            let adopted = try await withThrowingTaskGroup { group in
                for _ in 0..<3 { group.addTask { try await cluster.start().adopted } }
                var all: [Bool] = []
                for try await one in group { all.append(one) }
                return all
            }
            #expect(adopted.filter { !$0 }.count == 1)
            let before = try processID(cluster)
            #expect(try await cluster.start().adopted)
            #expect(try processID(cluster) == before)
        }
    }

    @Test("a server whose postmaster was killed starts again, with its data")
    func killed() async throws {
        try await withCluster(.durable) { cluster in
            _ = try await cluster.start()
            try await withDatabase(cluster) { try $0.execute("CREATE TABLE greeting AS SELECT 'hello' AS text") }
            let victim = try processID(cluster)
            #expect(kill(victim, SIGKILL) == 0)
            while case .running = cluster.status() { await Task.yield() }
            #expect(cluster.status() == .stopped)
            #expect(try await !cluster.start().adopted)
            #expect(try await withDatabase(cluster) { try $0.run(Greeting()) } == ["hello"])
        }
    }

    @Test("a process id that now belongs to somebody else is not taken for the server, nor harmed")
    func recycledProcessID() async throws {
        try await withCluster { cluster in
            _ = try await cluster.start()
            let file = "\(cluster.folder)/data/postmaster.pid"
            let left = try String(contentsOfFile: file, encoding: .utf8)
            try await cluster.stop(.immediate)
            let stale = ["\(getppid())"] + left.split(separator: "\n").dropFirst().map(String.init)
            try stale.joined(separator: "\n").write(toFile: file, atomically: false, encoding: .utf8)
            #expect(cluster.status() == .stopped)
            #expect(try await !cluster.start().adopted)
        }
    }

    @Test("a folder that cannot hold a cluster is refused with the reason")
    func refusedFolders() async throws {
        let long = LocalCluster(
            folder: "/tmp/" + String(repeating: "x", count: 90), logger: FreshDatabase.logger)
        let tooLong = await #expect(throws: LocalClusterError.self) { _ = try await long.start() }
        #expect(tooLong?.code == .folderUnusable && tooLong?.detail.contains("too long") == true)

        let full = LocalCluster(folder: "/usr/share", logger: FreshDatabase.logger)
        let notEmpty = await #expect(throws: LocalClusterError.self) { _ = try await full.start() }
        #expect(notEmpty?.code == .folderUnusable && notEmpty?.detail.contains("holds no cluster") == true)
    }

    @Test("where PostgreSQL is missing the error says where it was looked for")
    func missingBinaries() async throws {
        let folder = "/tmp/affine-cluster-\(getpid())-none"
        let cluster = LocalCluster(folder: folder, binaries: "/nowhere", logger: FreshDatabase.logger)
        let error = await #expect(throws: LocalClusterError.self) { _ = try await cluster.start() }
        #expect(error?.code == .binariesMissing && error?.detail.contains("/nowhere") == true)
        try FileManager.default.removeItem(atPath: folder)
    }
}
