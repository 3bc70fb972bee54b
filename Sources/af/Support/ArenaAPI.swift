import ArgumentParser
import Domain
import HTTPClient

/// An arena's public API, as those see it who have no database.
struct ArenaAPI: ParsableArguments {
    @Option(help: "The arena's API (or API_URL).")
    var api = CommonOptions.apiURL ?? "https://api.affine.io/api/v1"

    /// - Parameter path: Below the API's address, such as `rank/current`.
    /// - Throws: `CommandError` that names the address and, when the API refuses, its own words.
    func answer(to path: String) async throws -> JSONValue {
        let url = (api.hasSuffix("/") ? String(api.dropLast()) : api) + "/" + path
        let http = HTTPClient()
        let result: Result<HTTPResponse, HTTPError>
        do { result = .success(try await http.send(HTTPRequest(url: url))) } catch { result = .failure(error) }
        await http.close()
        let answer: HTTPResponse
        do { answer = try result.get() } catch {
            throw CommandError("\(url) can't be read: \(error); --api or API_URL says where the arena's API is")
        }
        let body = JSONValue(json: answer.body)
        guard answer.status == 200 else {
            throw CommandError("\(url): \(body?["detail"]?.stringValue ?? "no reason given") (status \(answer.status))")
        }
        guard let body else { throw CommandError("\(url) did not answer with JSON: is it an arena's API?") }
        return body
    }
}
