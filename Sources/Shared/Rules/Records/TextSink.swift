import Digest
import Domain

/// Takes the lines of a digest's text: either keeps them, or hashes them without keeping them.
protocol TextSink {
    mutating func append(_ bytes: some Sequence<UInt8>)
    mutating func append(decimal: Int64)
}

extension TextSink {
    /// A line of text, which holds no line feed.
    mutating func line(_ text: String) {
        append(text.utf8)
        append(CollectionOfOne(ASCII.lineFeed))
    }

    /// The line of one task: `task <id> <kind> <nano, or - for none>`.
    mutating func line(_ task: TaskID, _ kind: TaskResult.Kind, _ score: Score?) {
        append("task ".utf8)
        append(decimal: task.rawValue)
        append(Self.spaced(kind))
        if let score { append(decimal: score.nano) } else { append("-".utf8) }
        append(CollectionOfOne(ASCII.lineFeed))
    }

    private static func spaced(_ kind: TaskResult.Kind) -> String.UTF8View {
        switch kind {
        case .scored: " scored ".utf8
        case .modelFault: " model_fault ".utf8
        case .missing: " missing ".utf8
        }
    }
}

private enum ASCII {
    static let lineFeed: UInt8 = 0x0A
}

extension [UInt8]: TextSink {
    mutating func append(_ bytes: some Sequence<UInt8>) { append(contentsOf: bytes) }

    mutating func append(decimal value: Int64) {
        if value < 0 { append(0x2D) }
        let start = count
        var rest = value.magnitude
        repeat {
            append(0x30 + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }
}

/// Hashes what it is given in pieces of 64 KiB, so that a text of any length needs no more.
struct HashedText: TextSink {
    private var pending: [UInt8] = []
    private var hasher = SHA256Hasher()

    mutating func append(_ bytes: some Sequence<UInt8>) {
        pending.append(contentsOf: bytes)
        if pending.count >= 65_536 { flush() }
    }

    mutating func append(decimal value: Int64) { pending.append(decimal: value) }

    /// The digest of everything so far; nothing may follow it.
    mutating func digest() -> SHA256Digest {
        flush()
        return hasher.finish()
    }

    private mutating func flush() {
        hasher.update(pending)
        pending.removeAll(keepingCapacity: true)
    }
}
