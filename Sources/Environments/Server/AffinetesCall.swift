internal import Domain

/// A method call as a client wrote it.
struct AffinetesCall {
    let method: String
    let args: [JSONValue]
    let kwargs: [String: JSONValue]

    /// Reads the body of `POST /call`, in which everything must be right.
    init(envelope bytes: [UInt8], contentType: String?) throws(AffinetesReply) {
        guard let contentType, Self.isJSON(contentType) else {
            throw .malformed("model_attributes_type", at: nil, "Input should be a valid object: send application/json")
        }
        guard let value = Self.parse(bytes) else { throw .malformed("json_invalid", at: nil, "JSON decode error") }
        guard case .object(let members) = value else {
            throw .malformed("model_attributes_type", at: nil, "Input should be a valid dictionary or object")
        }
        guard let name = members["method"] else { throw .malformed("missing", at: "method", "Field required") }
        guard let method = name.stringValue else {
            throw .malformed("string_type", at: "method", "Input should be a valid string")
        }
        self.method = method
        switch members["args"] {
        case nil: args = []
        case .array(let values)?: args = values
        default: throw .malformed("list_type", at: "args", "Input should be a valid list")
        }
        switch members["kwargs"] {
        case nil: kwargs = [:]
        case .object(let values)?: kwargs = values
        default: throw .malformed("dict_type", at: "kwargs", "Input should be a valid dictionary")
        }
    }

    /// Reads the body of `POST /<method>`: anything that is no object means no arguments.
    init(method: String, body bytes: [UInt8]) {
        self.method = method
        guard case .object(let members)? = Self.parse(bytes) else {
            (args, kwargs) = ([], [:])
            return
        }
        guard members["args"] != nil || members["kwargs"] != nil else {
            (args, kwargs) = ([], members)
            return
        }
        if case .array(let values)? = members["args"] { args = values } else { args = [] }
        if case .object(let values)? = members["kwargs"] { kwargs = values } else { kwargs = [:] }
    }

    private static func parse(_ bytes: [UInt8]) -> JSONValue? {
        JSONValue(json: bytes)
    }

    private static func isJSON(_ contentType: String) -> Bool {
        let media = contentType.prefix { $0 != ";" && $0 != " " }.lowercased()
        return media == "application/json" || media.hasSuffix("+json")
    }
}
