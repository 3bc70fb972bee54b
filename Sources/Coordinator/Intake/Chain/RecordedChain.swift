public import Domain
internal import FoundationEssentials
internal import Rules

/// One block of a recorded chain: what changed in it. Blocks are given in the order in which a node heard of them, so a
/// re-organisation is a block that follows one which was not the last.
public struct RecordedBlock: Sendable, Codable {
    public struct Registration: Sendable, Codable {
        public var uid: Int32
        public var hotkey: Hotkey

        public init(uid: Int32, hotkey: Hotkey) {
            self.uid = uid
            self.hotkey = hotkey
        }
    }

    public struct Commitment: Sendable, Codable {
        public var hotkey: Hotkey
        public var payload: String

        public init(hotkey: Hotkey, payload: String) {
            self.hotkey = hotkey
            self.payload = payload
        }
    }

    public var number: Int64
    public var hash: String
    public var parent: String
    /// Slots that were registered, whoever held them before.
    public var registered: [Registration]?
    /// Slots whose hotkey was swapped without a registration.
    public var swapped: [Registration]?
    /// Slots that are empty from now on.
    public var deregistered: [Int32]?
    public var revealed: [Commitment]?

    public init(number: Int64, hash: String, parent: String) {
        self.number = number
        self.hash = hash
        self.parent = parent
    }

    /// Whether anything but time passes in it.
    public var isEventful: Bool {
        !(registered ?? []).isEmpty || !(swapped ?? []).isEmpty || !(deregistered ?? []).isEmpty
            || !(revealed ?? []).isEmpty
    }
}

/// Follows a recorded chain and shows what is final: what so many blocks were built upon.
public struct RecordedChain: Sendable {
    private let depth: Int
    /// Blocks that can still disappear, the oldest first.
    private var open: [RecordedBlock] = []
    private var neurons: [Int32: Neuron] = [:]
    private var reveals: [Reveal] = []
    private var finalHash: String?
    private var head: Block?

    /// - Parameter depth: How many blocks have to follow one until it is final.
    public init(depth: Int = 3) {
        precondition(depth >= 0, "a depth below 0")
        self.depth = depth
    }

    /// The newest final state; nil before the first block is final.
    public var view: ChainView? {
        head.map { ChainView(head: $0, neurons: neurons.values.sorted { $0.uid < $1.uid }, reveals: reveals) }
    }

    /// Takes the next block; returns the block that it made final, if it did.
    ///
    /// - Throws: `InvalidValue` naming the block for one that follows none of those which are open, has the wrong number,
    ///   or a hash that is none.
    public mutating func append(_ block: RecordedBlock) throws(InvalidValue) -> RecordedBlock? {
        _ = try BlockHash(block.hash)
        let follows = open.lastIndex { $0.hash == block.parent }
        if let follows {
            open.removeSubrange((follows + 1)...)
        } else if finalHash == block.parent || (finalHash == nil && [nil, block.number].contains(open.first?.number)) {
            open.removeAll()
        } else {
            throw InvalidValue(
                field: "block \(block.number).parent", value: block.parent,
                expected: "the hash of one of the last \(depth) blocks: what is final can't be re-organised")
        }
        let parent = open.last?.number ?? head?.number
        guard parent == nil || block.number == (parent ?? 0) + 1 else {
            throw InvalidValue(
                field: "block.number", value: "\(block.number)", expected: "\((parent ?? 0) + 1), its parent's and one")
        }
        open.append(block)
        guard open.count > depth else { return nil }
        let final = open.removeFirst()
        try settle(final)
        return final
    }

    private mutating func settle(_ block: RecordedBlock) throws(InvalidValue) {
        for uid in block.deregistered ?? [] { neurons[uid] = nil }
        for slot in block.registered ?? [] {
            neurons[slot.uid] = Neuron(uid: slot.uid, hotkey: slot.hotkey, registeredBlock: block.number)
        }
        for slot in block.swapped ?? [] {
            guard let registered = neurons[slot.uid]?.registeredBlock else {
                throw InvalidValue(
                    field: "block \(block.number).swapped", value: "\(slot.uid)", expected: "a uid that is registered")
            }
            neurons[slot.uid] = Neuron(uid: slot.uid, hotkey: slot.hotkey, registeredBlock: registered)
        }
        for commitment in block.revealed ?? [] {
            reveals.append(Reveal(hotkey: commitment.hotkey, block: block.number, payload: commitment.payload))
        }
        head = Block(number: block.number, hash: try BlockHash(block.hash))
        finalHash = block.hash
    }
}
