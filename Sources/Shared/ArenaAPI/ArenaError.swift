/// Why an arena's public API did not answer what was asked.
public struct ArenaError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// No connection, or no whole answer in time.
        case unreachable
        /// Any status but 200: 404 for what is not there, 403 for what is sealed.
        case refused(status: Int)
        /// 200, but not what the API answers.
        case malformed
    }

    public let code: Code
    /// The address without credentials, and the API's own words where it has some.
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
