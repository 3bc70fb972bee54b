public import Domain

/// Shares by uid as they go to the chain, in 1e-9: integers that add up to one exactly.
public struct WeightVector: Hashable, Sendable {
    /// Sorted by uid; every share is above zero.
    public let shares: [(uid: Int32, share: Int64)]

    /// - Parameters:
    ///   - rewards: Who is rewarded and how much, relative to each other; who is not registered is burnt.
    ///   - uids: Of the hotkeys that are registered.
    ///   - burn: What share of everything is burnt beforehand, 0 to 1.
    public init(rewards: [(hotkey: Hotkey, share: Int64)], uids: [Hotkey: Int32], burn: Score, burnUID: Int32 = 0) {
        let total = rewards.reduce(Int128(0)) { $0 + Int128($1.share) }
        let kept = Int128(Score.unit - burn.nano)
        var shares: [Int32: Int64] = [:]
        for reward in rewards where total > 0 {
            guard let uid = uids[reward.hotkey] else { continue }
            // Rounded down; what that leaves is burnt.
            shares[uid, default: 0] += Int64(kept * Int128(reward.share) / total)
        }
        shares[burnUID, default: 0] += Score.unit - shares.values.reduce(0, +)
        self.shares = shares.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// As it was made before.
    init(stored: [(uid: Int32, share: Int64)]) {
        shares = stored
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.shares.elementsEqual(right.shares) { $0 == $1 }
    }

    public func hash(into hasher: inout Hasher) {
        for share in shares {
            hasher.combine(share.uid)
            hasher.combine(share.share)
        }
    }
}
