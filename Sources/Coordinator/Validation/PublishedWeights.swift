public import Domain
internal import FoundationEssentials

/// The answer of `/api/v1/scores/weights/latest`, as validators read it.
public struct PublishedWeights: Sendable, Decodable {
    struct Entry: Decodable, Sendable {
        var weight: Double
    }

    /// The head that the arena knew when it answered.
    public var block: Int64
    var weights: [String: Entry]

    enum CodingKeys: String, CodingKey {
        case weights
        case block = "block_number"
    }

    /// What goes to the chain: weights above zero in proportion, those of nobody (a uid below 0, or above 1,000) burnt.
    ///
    /// - Throws: `InvalidValue` for a uid or a weight that is none.
    public func vector(burn: Score, burnUID: Int32 = 0) throws(InvalidValue) -> WeightVector {
        var shares: [Int32: Int64] = [:]
        for (text, entry) in weights {
            guard let uid = Int32(text) else {
                throw InvalidValue(field: "weights", value: text, expected: "uids")
            }
            guard entry.weight.isFinite, let weight = Score(rounding: entry.weight) else {
                throw InvalidValue(field: "weights.\(uid)", value: "\(entry.weight)", expected: "a weight")
            }
            guard weight > .zero else { continue }
            shares[0...1_000 ~= uid ? uid : burnUID, default: 0] += weight.nano
        }
        let total = shares.values.reduce(Int128(0)) { $0 + Int128($1) }
        let kept = Int128(Score.unit - burn.nano)
        var scaled: [Int32: Int64] = [:]
        for (uid, share) in shares where total > 0 { scaled[uid] = Int64(kept * Int128(share) / total) }
        // What is burnt beforehand, and what rounding leaves.
        scaled[burnUID, default: 0] += Score.unit - scaled.values.reduce(0, +)
        return WeightVector(
            stored: scaled.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
}
