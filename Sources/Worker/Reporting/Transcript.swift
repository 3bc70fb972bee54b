package import Domain

/// A conversation as it is kept: each message as JSON text, cut to a size that no model can exceed.
package struct Transcript: Equatable, Sendable {
    /// Of one message's text.
    package static let maximumMessageBytes = 48 << 10
    /// Of all messages together.
    package static let maximumBytes = 1 << 20
    package static let maximumMessages = 1_000

    package let messages: [String]
    /// Of the messages before any was cut.
    package let bytes: Int
    package let isCut: Bool

    /// - Parameter conversation: As the environment told it; nil and null make no transcript.
    package init?(_ conversation: JSONValue?) {
        guard let conversation, conversation != .null else { return nil }
        let whole = (conversation.arrayValue ?? [conversation]).map { (message: $0, text: Self.text($0)) }
        let kept = whole.map { $0.text.utf8.count > Self.maximumMessageBytes ? Self.cut($0.message, $0.text) : $0.text }
        messages = Self.ends(of: kept)
        bytes = whole.reduce(0) { $0 + $1.text.utf8.count }
        isCut = messages != whole.map(\.text)
    }

    /// The message with the middle of its content left out.
    private static func cut(_ message: JSONValue, _ text: String) -> String {
        let content = message["content"]?.stringValue ?? text
        let (head, tail) = (maximumMessageBytes * 2 / 3, maximumMessageBytes / 3)
        let short: String
        if content.utf8.count > head + tail {
            let left = String(decoding: content.utf8.prefix(head), as: UTF8.self)
            let right = String(decoding: content.utf8.suffix(tail), as: UTF8.self)
            short = "\(left)\n[… \(content.utf8.count - head - tail) bytes are not kept …]\n\(right)"
        } else {
            short = content
        }
        return self.text(.object(["role": message["role"] ?? .null, "content": .string(short)]))
    }

    /// As many messages from the beginning and from the end as may be kept.
    private static func ends(of messages: [String]) -> [String] {
        let half = messages.count / 2
        let first = fitting(messages[..<half])
        let last = fitting(messages[half...].reversed())
        let left = messages.count - first.count - last.count
        guard left > 0 else { return messages }
        let mark = JSONValue.object(["role": .string("cut"), "content": .string("\(left) messages are not kept")])
        return first + [text(mark)] + last.reversed()
    }

    /// The first of these that fit into half of what may be kept.
    private static func fitting(_ messages: some Collection<String>) -> [String] {
        var bytes = 0
        return Array(
            messages.prefix(maximumMessages / 2 - 1).prefix { message in
                bytes += message.utf8.count
                return bytes <= maximumBytes / 2
            })
    }

    private static func text(_ value: JSONValue) -> String {
        // Whatever was read from JSON can be written as JSON.
        (try? value.jsonText()) ?? "null"
    }
}
