import Glibc
import HTTPClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct TLSTests {
    @Test("Only a certificate of a trusted authority, for the host asked for, is accepted")
    func certificatesAreVerified() async throws {
        let server = try TLSServer()
        let url = "https://127.0.0.1:\(server.port)/"

        let untrusting = HTTPClient()
        #expect(await untrusting.failure(HTTPRequest(url: url))?.code == .tlsFailed)

        let trusting = HTTPClient(settings: HTTPClientSettings(authoritiesFile: server.certificateFile))
        #expect(try await trusting.send(HTTPRequest(url: url)).status == 200)
        let otherName = "https://localhost:\(server.port)/"
        #expect(await trusting.failure(HTTPRequest(url: otherName))?.code == .tlsFailed)
    }
}
