public import Domain
internal import Rules

/// A subnet as it stands at a final block. What disappears from the chain before it is final is never in one.
public struct ChainView: Sendable, Codable {
    public var head: Block
    public var neurons: [Neuron]
    /// Every commitment that was revealed up to the head, in the order of the chain.
    public var reveals: [Reveal]

    public init(head: Block, neurons: [Neuron], reveals: [Reveal]) {
        self.head = head
        self.neurons = neurons
        self.reveals = reveals
    }
}

/// A slot of the subnet and who holds it.
public struct Neuron: Hashable, Sendable, Codable {
    public var uid: Int32
    public var hotkey: Hotkey
    /// The block of the slot's registration; a hotkey can be swapped into a slot without one.
    public var registeredBlock: Int64

    public init(uid: Int32, hotkey: Hotkey, registeredBlock: Int64) {
        self.uid = uid
        self.hotkey = hotkey
        self.registeredBlock = registeredBlock
    }

    enum CodingKeys: String, CodingKey {
        case uid, hotkey
        case registeredBlock = "registered_block"
    }
}

/// What a hotkey committed, as it stands on the chain: nobody has looked yet whether it says anything.
public struct Reveal: Hashable, Sendable, Codable {
    public var hotkey: Hotkey
    public var block: Int64
    public var payload: String

    public init(hotkey: Hotkey, block: Int64, payload: String) {
        self.hotkey = hotkey
        self.block = block
        self.payload = payload
    }
}

extension Block: Codable {
    enum CodingKeys: String, CodingKey {
        case number, hash
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            number: try container.decode(Int64.self, forKey: .number),
            hash: try BlockHash(container.decode(String.self, forKey: .hash)))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(number, forKey: .number)
        try container.encode(hash.hex, forKey: .hash)
    }
}
