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
        append(Word.task)
        append(decimal: task.rawValue)
        append(Word.spaced(kind))
        if let score { append(decimal: score.nano) } else { append(CollectionOfOne(ASCII.hyphen)) }
        append(CollectionOfOne(ASCII.lineFeed))
    }
}

/// Words of a line as bytes, which are appended far faster than a string's.
private enum Word {
    static let task = Array("task ".utf8)
    static let scored = Array(" scored ".utf8)
    static let modelFault = Array(" model_fault ".utf8)
    static let missing = Array(" missing ".utf8)

    static func spaced(_ kind: TaskResult.Kind) -> [UInt8] {
        switch kind {
        case .scored: scored
        case .modelFault: modelFault
        case .missing: missing
        }
    }
}

private enum ASCII {
    static let lineFeed: UInt8 = 0x0A
    static let hyphen: UInt8 = 0x2D
    static let zero: UInt8 = 0x30
}

extension [UInt8]: TextSink {
    mutating func append(_ bytes: some Sequence<UInt8>) { append(contentsOf: bytes) }

    mutating func append(decimal value: Int64) {
        if value < 0 { append(ASCII.hyphen) }
        // From the last digit on; no magnitude has more than 19.
        var digits = InlineArray<19, UInt8>(repeating: ASCII.zero)
        var first = digits.count
        var rest = value.magnitude
        repeat {
            first -= 1
            digits[first] += UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        for index in first..<digits.count { append(digits[index]) }
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
