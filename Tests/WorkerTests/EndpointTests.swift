import Domain
import Testing
import Worker

@Suite struct EndpointTests {
    private static let revision = String(repeating: "0", count: 40)

    @Test func anEndpointIsAModelAndAURL() throws {
        let endpoint = try Endpoint("owner/name@\(Self.revision)=http://user:a=b@host:8000/v1")
        #expect(endpoint.model.description == "owner/name@\(Self.revision)")
        #expect(endpoint.baseURL == "http://user:a=b@host:8000/v1")
    }

    @Test(
        "The error names the part that is wrong, its value and what is allowed, and no password",
        arguments: [
            ("owner/name", "endpoint 'owner/name' is not valid: expected 'owner/name@revision=URL'"),
            ("", "endpoint '' is not valid: expected 'owner/name@revision=URL'"),
            ("owner/name=http://h/v1", "model 'owner/name' is not valid: expected 'owner/name@revision'"),
            (
                "name@\(revision)=http://h/v1",
                "model 'name' is not valid: expected a repository 'owner/name' of letters, digits, '.', '_' and '-'"
            ),
            (
                "owner/name@main=http://h/v1",
                "revision 'main' is not valid: expected a commit of 40 lower-case hexadecimal digits"
            ),
            (
                "owner/name@\(revision)=",
                "endpoint URL '' is not valid: expected an http or https URL such as http://host:8000/v1, without query and fragment"
            ),
            (
                "owner/name@\(revision)=ftp://u:secret@h/v1",
                "endpoint URL 'h/v1' is not valid: expected an http or https URL such as http://host:8000/v1, without query and fragment"
            ),
            (
                "owner/name@\(revision)=http://h/v1?key=secret",
                "endpoint URL 'http://h/v1' is not valid: expected an http or https URL such as http://host:8000/v1, without query and fragment"
            ),
        ])
    func errorsArePrecise(text: String, message: String) {
        let error = #expect(throws: InvalidValue.self) { try Endpoint(text) }
        #expect(error?.description == message)
    }
}
