/// An answer as it arrives, which refuses to grow beyond its bounds.
struct PartialAnswer {
    /// Far more than honest servers send, counting interim answers too.
    static let maximumHeaderBytes = 256 << 10

    private let maximumBodyBytes: Int
    private(set) var headers = HTTPHeaders()
    private(set) var body: [UInt8] = []
    /// What grew too large.
    private(set) var excess: String?
    private var headerBytes = 0
    /// Whether the headers were whole.
    private(set) var isInBody = false

    init(maximumBodyBytes: Int) {
        self.maximumBodyBytes = maximumBodyBytes
    }

    mutating func append(body bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= maximumBodyBytes - body.count else {
            excess = "the answer's body is larger than \(maximumBodyBytes) bytes"
            body = []
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    mutating func append(headerLine bytes: UnsafeRawBufferPointer) -> Bool {
        headerBytes += bytes.count
        guard headerBytes <= Self.maximumHeaderBytes else {
            excess = "the answer's headers are larger than \(Self.maximumHeaderBytes) bytes"
            return false
        }
        let line = String(decoding: bytes.prefix { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // An interim answer's headers are not the answer's.
            headers = HTTPHeaders()
            isInBody = false
        } else if line.isEmpty {
            isInBody = true
        } else if !isInBody {
            headers.append(line: line)
        }
        return true
    }
}
