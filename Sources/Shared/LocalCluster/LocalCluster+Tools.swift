extension LocalCluster {
    /// Runs one of PostgreSQL's programs, as the server's account where we are root, within the time limit.
    func runTool(_ tool: String, _ arguments: [String]) async throws {
        let version = Files.text("\(data)/PG_VERSION")?.split(separator: "\n").first.map(String.init)
        let found = try await Binaries.find(given: binaries, dataVersion: version)
        try await Tool.run(
            found.path(tool), arguments, in: folder, as: ServerAccount.choose(data: data), within: limit)
    }

    /// Where a program of PostgreSQL's is, such as `pg_dump`: in Debian's folders, the newest first, or along PATH.
    public static func program(_ name: String) async throws(LocalClusterError) -> String {
        let found = try? await Binaries.find(given: nil, dataVersion: nil)
        guard let path = await Tool.find(name, in: found?.folder ?? "/usr/bin") else {
            throw LocalClusterError(
                .binariesMissing, "no \(name) found: install PostgreSQL's programs (apt-get install postgresql-client)")
        }
        return path
    }
}
