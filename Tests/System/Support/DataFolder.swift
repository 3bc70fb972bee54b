import FoundationEssentials
import Glibc
import LocalCluster
import Postgres
import TestSupport

/// A folder for a private cluster that does not exist yet; whatever was made of it is gone afterwards.
func withDataFolder<Value: Sendable>(_ body: (String) async throws -> Value) async throws -> Value {
    let folder = "/tmp/af-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let result: Result<Value, any Error>
    do { result = .success(try await body(folder)) } catch { result = .failure(error) }
    for server in Processes.working(in: folder) { kill(server, SIGKILL) }
    try? FileManager.default.removeItem(atPath: folder)
    return try result.get()
}

/// Starts the private cluster in a folder and does in it what no role may.
func owning<Value: Sendable>(
    _ folder: String, _ body: @escaping @Sendable (inout Session) throws -> Value
) async throws -> Value {
    let cluster = LocalCluster(folder: folder, logger: FreshDatabase.logger)
    _ = try await cluster.start()
    let database = Database(
        DatabaseSettings(url: cluster.connectionString(database: "affine")), logger: FreshDatabase.logger)
    let result: Result<Value, any Error>
    do { result = .success(try await database.withSession(body)) } catch { result = .failure(error) }
    await database.close()
    try await cluster.stop()
    return try result.get()
}

/// What `/proc` tells of processes.
enum Processes {
    static func all() -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }
    }

    /// Those whose working folder is this one or lies in it, as a Postgres server's does.
    static func working(in folder: String) -> [Int32] {
        all().filter { id in
            let place = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/cwd")) ?? ""
            return place == folder || place.hasPrefix(folder + "/")
        }
    }

    static func arguments(of id: Int32) -> [String] {
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") else { return [] }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The parent's id is the second field after the name, which is in parentheses.
    static func parent(of id: Int32) -> Int32? {
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(id)/stat") else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 1 ? Int32(fields[1]) : nil
    }
}
