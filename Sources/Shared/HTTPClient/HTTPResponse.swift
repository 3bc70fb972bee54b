/// A complete answer, whatever its status.
public struct HTTPResponse: Sendable {
    public let status: Int
    /// As received: `content-encoding` may name a compression that `body` no longer has.
    public let headers: HTTPHeaders
    /// Decompressed.
    public let body: [UInt8]

    public init(status: Int, headers: HTTPHeaders, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Header fields in the order received; names are compared without regard to ASCII case.
public struct HTTPHeaders: Sendable {
    public private(set) var fields: [(name: String, value: String)]

    public init(_ fields: [(name: String, value: String)] = []) {
        self.fields = fields
    }

    /// The first value of that name.
    public subscript(name: String) -> String? {
        fields.first { Self.areSame($0.name, name) }?.value
    }

    /// Takes one line of a header block; a line that begins with a blank continues the field before it.
    mutating func append(line: String) {
        if line.first == " " || line.first == "\t", let last = fields.indices.last {
            fields[last].value += " " + Self.trimmed(line[...])
        } else if let colon = line.firstIndex(of: ":") {
            fields.append((String(line[..<colon]), Self.trimmed(line[line.index(after: colon)...])))
        }
    }

    static func areSame(_ left: String, _ right: String) -> Bool {
        left.utf8.elementsEqual(right.utf8) { lowercased($0) == lowercased($1) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop { $0 == " " || $0 == "\t" }
        let end = start.lastIndex { $0 != " " && $0 != "\t" }
        return end.map { String(start[...$0]) } ?? ""
    }
}
