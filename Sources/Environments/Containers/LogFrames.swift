/// A log as engines send it: frames of eight bytes (stream, three zeros, length) and so many bytes of text.
struct LogFrames {
    /// The text of both streams, in order. What is not framed, as of a container with a terminal, is taken as it is.
    let text: [UInt8]

    init(_ bytes: [UInt8]) {
        var (text, rest) = ([UInt8](), bytes[...])
        while rest.count >= 8, let stream = rest.first, stream <= 2 {
            let length = rest.dropFirst(4).prefix(4).reduce(0) { $0 << 8 | Int($1) }
            text += rest.dropFirst(8).prefix(length)
            rest = rest.dropFirst(8 + length)
        }
        self.text = text + rest
    }
}
