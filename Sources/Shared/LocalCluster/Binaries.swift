internal import FoundationEssentials
internal import Subprocess
internal import SystemPackage

/// The folder with PostgreSQL's server programs.
struct Binaries: Sendable {
    let folder: String

    func path(_ tool: String) -> String { "\(folder)/\(tool)" }

    /// Looks in the folder given, then in Debian's folders (the version that made the data first, then the newest), then
    /// along PATH.
    static func find(given: String?, dataVersion: String?) async throws(LocalClusterError) -> Binaries {
        if let given {
            guard isComplete(given) else {
                throw LocalClusterError(
                    .binariesMissing, "'\(given)' does not hold initdb, pg_ctl and postgres (PG_BIN names it)")
            }
            return Binaries(folder: given)
        }
        if let installed = debianFolders(first: dataVersion).first(where: isComplete) {
            return Binaries(folder: installed)
        }
        if let found = try? await Executable.name("initdb").resolveExecutablePath(in: .inherit) {
            let folder = found.removingLastComponent().string
            if isComplete(folder) { return Binaries(folder: folder) }
        }
        throw LocalClusterError(
            .binariesMissing,
            "no PostgreSQL server found in /usr/lib/postgresql/*/bin or along PATH: install one "
                + "(apt-get install postgresql), or name the folder of its programs in PG_BIN")
    }

    private static func debianFolders(first version: String?) -> [String] {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let newestFirst = versions.compactMap { name in Double(name).map { (name, $0) } }.sorted { $0.1 > $1.1 }.map(
            \.0)
        let preferred = newestFirst.filter { $0 == version } + newestFirst.filter { $0 != version }
        return preferred.map { "\(root)/\($0)/bin" }
    }

    private static func isComplete(_ folder: String) -> Bool {
        ["initdb", "pg_ctl", "postgres"].allSatisfy { FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)") }
    }
}
