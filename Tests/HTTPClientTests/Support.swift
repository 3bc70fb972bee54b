internal import HTTPClient
internal import TestSupport

extension HTTPClient {
    /// `send` with its failure as a value, so that tables can compare it.
    func outcome(_ request: HTTPRequest) async -> Result<HTTPResponse, HTTPError> {
        do throws(HTTPError) {
            return .success(try await send(request))
        } catch {
            return .failure(error)
        }
    }

    func failure(_ request: HTTPRequest) async -> HTTPError? {
        guard case .failure(let error) = await outcome(request) else { return nil }
        return error
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}
