internal import CPostgres

/// A connection string taken apart by libpq, so that its database or user can be replaced.
public struct ConnectionString: Sendable, CustomStringConvertible {
    private var options: [(keyword: String, value: String)]
    /// The variable in which libpq looks for each option, as far as it has one.
    private var variables: [String: String] = [:]

    /// Takes a `postgresql://` URL or `key=value` pairs.
    ///
    /// - Throws: `.invalidSettings`, without quoting the text, which may hold a password.
    public init(_ text: String) throws(PostgresError) {
        guard let parsed = unsafe PQconninfoParse(text, nil) else {
            throw PostgresError(
                .invalidSettings, "the connection string is neither a postgresql:// URL nor key=value pairs of libpq")
        }
        defer { unsafe PQconninfoFree(parsed) }
        options = []
        var option = unsafe parsed
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                let keyword = unsafe String(cString: keyword)
                unsafe options.append((keyword, String(cString: value)))
                variables[keyword] = unsafe option.pointee.envvar.map { unsafe String(cString: $0) }
            }
            unsafe option += 1
        }
    }

    /// The parts that a server on this machine needs; `host` may be the folder of its socket.
    public init(host: String, port: Int, database: String, user: String) {
        options = [("host", host), ("port", String(port)), ("dbname", database), ("user", user)]
    }

    /// The value given for a keyword such as `host`, if any.
    public subscript(keyword: String) -> String? {
        get { options.first { $0.keyword == keyword }?.value }
        set {
            options.removeAll { $0.keyword == keyword }
            if let newValue { options.append((keyword, newValue)) }
        }
    }

    /// A `postgresql://` URL that libpq reads as the same options. It holds the password, if there is one.
    public var url: String {
        let items = options.filter { $0.keyword != "dbname" }.map { "\($0.keyword)=\(Self.escaped($0.value))" }
        return "postgresql:///" + Self.escaped(self["dbname"] ?? "") + (items.isEmpty ? "" : "?")
            + items.joined(separator: "&")
    }

    /// The options as libpq's variables: how PostgreSQL's own programs are told of a password, which their arguments would
    /// show to everybody. Options without a variable are left out.
    public var environment: [String: String] {
        var environment: [String: String] = [:]
        for (keyword, value) in options {
            if let variable = variables[keyword] { environment[variable] = value }
        }
        return environment
    }

    /// Host, port and database: enough to know the server, nothing that is secret.
    public var description: String {
        ["host", "port", "dbname"].compactMap { key in self[key].map { "\(key)=\($0)" } }.joined(separator: " ")
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            let character = Character(Unicode.Scalar(byte))
            if byte < 128, character.isLetter || character.isNumber || "-._~".contains(character) {
                result.append(character)
            } else {
                let hex = String(byte, radix: 16, uppercase: true)
                result += "%" + (hex.count == 1 ? "0" : "") + hex
            }
        }
    }
}
