import HTTPClient
import Testing

@Suite struct EndpointURLTests {
    @Test(arguments: [
        ("http://host", "http://host/"), ("HTTP://Host:8000/v1/", "http://host:8000/v1/"),
        ("https://user:secret@host/a?secret=1#secret", "https://host/a"),
        ("http://us%40er:se@host/", "http://host/"), ("http://[::1]:80/x", "http://[::1]:80/x"),
    ])
    func aURLIsDescribedWithoutCredentialsAndQuery(text: String, description: String) throws {
        #expect(try EndpointURL(text).description == description)
    }

    @Test(arguments: [
        "", "host", "host:8000/v1", "//host/", "http:/host", "http:///host", "http://", "http://:80/",
        "ftp://host/", "file:///etc/passwd", "http://host:99999/", "http://ho st/", "http://host/\u{0}",
        "http://host/\r\nx: y", "http://user:secret/x@host/", "http://user:secret?x@host/", "host/?key=secret",
    ])
    func whatIsNoURLIsRefusedByNameAndWithoutSecrets(text: String) {
        let error = #expect(throws: HTTPError.self) { try EndpointURL(text) }
        #expect(error?.code == .invalidURL)
        #expect(error?.detail.contains("secret") == false)
    }

    @Test func aRefusalShowsTheValue() {
        let error = #expect(throws: HTTPError.self) { try EndpointURL("htp://host/v1") }
        #expect(error?.detail.contains("'htp://host/v1'") == true)
    }
}
