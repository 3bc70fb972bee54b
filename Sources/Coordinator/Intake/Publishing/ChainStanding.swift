public import Domain

/// What the chain shows of a wallet's hotkey that is about to commit.
public struct ChainStanding: Sendable, Decodable {
    public var hotkey: Hotkey
    /// The last final block.
    public var block: Int64
    /// Nil while the hotkey is not registered.
    public var uid: Int32?
    /// What it committed so far, in the order of the chain.
    public var reveals: [Reveal]
    /// The block of a commitment that the chain can't open yet.
    public var sealedBlock: Int64?

    public init(hotkey: Hotkey, block: Int64, uid: Int32?, reveals: [Reveal] = [], sealedBlock: Int64? = nil) {
        self.hotkey = hotkey
        self.block = block
        self.uid = uid
        self.reveals = reveals
        self.sealedBlock = sealedBlock
    }

    enum CodingKeys: String, CodingKey {
        case hotkey, block, uid, reveals
        case sealedBlock = "sealed_block"
    }
}

/// A commitment that is on the chain, sealed.
public struct CommitReceipt: Sendable, Decodable {
    /// The final block that took it.
    public var block: Int64
    /// When the chain can open it; it counts from the block that does. ISO 8601.
    public var opensAt: String

    enum CodingKeys: String, CodingKey {
        case block
        case opensAt = "opens_at"
    }
}

extension ChainBridge {
    /// - Throws: `ChainBridgeError`, as when the wallet can't be read.
    public func standing(of wallet: Wallet) async throws -> ChainStanding {
        try await answer("standing", as: wallet, [])
    }

    /// Publishes the model as the hotkey's commitment, signed in the bridge.
    ///
    /// - Parameter again: Also when the hotkey has a commitment already, which ends the miner.
    /// - Throws: `ChainBridgeError` with the chain's or the SDK's words.
    public func commit(_ model: ModelReference, as wallet: Wallet, again: Bool) async throws -> CommitReceipt {
        try await answer("commit", as: wallet, (again ? ["--again"] : []) + [Application.payload(naming: model)])
    }
}
