extension LocalCluster {
    /// Runs one of PostgreSQL's programs, as the server's account where we are root, within the time limit.
    func runTool(_ tool: String, _ arguments: [String]) async throws {
        let version = Files.text("\(data)/PG_VERSION")?.split(separator: "\n").first.map(String.init)
        let found = try await Binaries.find(given: binaries, dataVersion: version)
        try await Tool.run(
            found.path(tool), arguments, in: folder, as: ServerAccount.choose(data: data), within: limit)
    }
}
