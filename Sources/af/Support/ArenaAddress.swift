import ArenaAPI
import ArgumentParser
import Domain
import HTTPClient

/// Where an arena's public API is, for those who have no database.
struct ArenaAddress: ParsableArguments {
    @Option(help: "The arena's API (or API_URL).")
    var api = CommonOptions.apiURL ?? ArenaClient.networkURL

    /// - Parameter path: Below the API's address, such as `rank/current`.
    /// - Throws: `CommandError` that names the address and, when the API refuses, its own words.
    func answer(to path: String) async throws -> JSONValue {
        let http = HTTPClient()
        let result: Result<JSONValue, any Error>
        do {
            result = .success(try await ArenaClient(url: api, http: http).answer(to: path))
        } catch {
            result = .failure(Self.explained(error))
        }
        await http.close()
        return try result.get()
    }

    /// Says what can be done about an API that can't be reached.
    static func explained(_ error: any Error) -> any Error {
        guard let error = error as? ArenaError, error.code == .unreachable else { return error }
        return CommandError("\(error); --api or API_URL says where the arena's API is")
    }
}
