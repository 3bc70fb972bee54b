internal import Digest

/// Seeded randomness that can never change under us: SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom
/// Number Generators, OOPSLA 2014) with our own bounded draw. The standard library does not promise what it does with
/// the bits of a generator, and a published interval must come out the same for ever. `docs/statistics.md` describes
/// the stream for others.
public struct SeededGenerator: Hashable, Sendable {
    private var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    /// Seeded by the first 8 bytes, big-endian, of the SHA-256 of `text`: two people who name the same thing draw the
    /// same.
    public init(hashing text: String) {
        state = SHA256Digest(of: text).bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to `bound`, which must be above zero, each equally likely: the high word of word · bound,
    /// unless the low word falls into the 2⁶⁴ mod bound values that would favour some (Lemire, Fast Random Integer
    /// Generation in an Interval, ACM TOMACS 2019).
    public mutating func draw(below bound: UInt64) -> UInt64 {
        let surplus = (0 &- bound) % bound
        while true {
            let (high, low) = next().multipliedFullWidth(by: bound)
            if low >= surplus { return high }
        }
    }

    /// The numbers 0 ..< `count` in random order: Fisher and Yates' shuffle, from the front.
    public mutating func permutation(of count: Int) -> [Int] {
        var order = Array(0..<count)
        for place in order.indices {
            order.swapAt(place, place + Int(draw(below: UInt64(count - place))))
        }
        return order
    }
}
