import Digest

/// Unbiased draws from SHA-256 in counter mode: block i is SHA-256(key ‖ i as 8 bytes, big-endian) and gives four
/// big-endian 64-bit words. The stream is a function of its key alone; `docs/window.md` describes it for others.
struct DrawStream {
    private let key: [UInt8]
    private var counter: UInt64 = 0
    private var words: [UInt64] = []

    init(key: SHA256Digest) {
        self.key = key.bytes
    }

    /// A number from 0 up to `bound`, which must be above zero. The last, incomplete run of `bound` words below 2⁶⁴ is
    /// rejected, so that each number is equally likely.
    mutating func draw(below bound: UInt64) -> UInt64 {
        let incomplete = (0 &- bound) % bound  // 2⁶⁴ mod bound
        while true {
            let word = nextWord()
            if word <= UInt64.max - incomplete { return word % bound }
        }
    }

    private mutating func nextWord() -> UInt64 {
        if words.isEmpty {
            let block = SHA256Digest(of: key + Self.bytes(of: counter)).bytes
            words = stride(from: 24, through: 0, by: -8).map { Self.word(block[$0..<($0 + 8)]) }
            counter += 1
        }
        return words.removeLast()
    }

    private static func bytes(of value: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
    }

    static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
