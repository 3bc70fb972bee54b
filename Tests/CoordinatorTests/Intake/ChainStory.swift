import Coordinator
import Digest
import Domain
import TestSupport

/// A chain of 50,000 blocks in which 300 miners come, in every way that one can.
struct ChainStory {
    static let length: Int64 = 50_000
    static let first: Int64 = 9_000_000

    private(set) var blocks: [RecordedBlock] = []
    let miners: [ChainMiner]
    private var random = SeededRandom(seed: 5)

    /// What is wrong with a miner, by its number.
    static func flaw(of number: Int) -> String? {
        switch number % 25 {
        case 3: "json"
        case 5: "fields"
        case 7: "name"
        case 9: "suffix"
        case 11: "missing"
        case 13: "gated"
        case 15: "revision"
        case 17: "copy"
        case 19: "twice"
        case 21: "swapped"
        case 23: "history"
        default: nil
        }
    }

    /// Miner n is better than those before it now and then.
    static func strength(of number: Int) -> Int64 { number % 50 == 1 ? 250 + Int64(number / 50) * 120 : 200 }

    init() throws {
        miners = try (1...300).map { try ChainMiner($0) }
        var events: [Int64: RecordedBlock] = [:]
        for (index, miner) in miners.enumerated() {
            try Self.enter(miner, number: index + 1, into: &events, at: Self.first + 100 + Int64(index) * 150)
        }
        // The champion at the time leaves the subnet, and a stranger takes its uid.
        Self.change(&events, Self.first + 30_000) { $0.deregistered = (0..<256).map { Int32($0) } }
        for number in Self.first..<(Self.first + Self.length) {
            var block = events[number] ?? RecordedBlock(number: number, hash: "", parent: "")
            block.hash = Self.hash(number)
            block.parent = Self.hash(number - 1)
            // Every thousandth block comes in two forms; the one that is heard of first is given up.
            if number % 1_000 == 500 {
                var lost = block
                lost.hash = Self.hash(number, "lost")
                lost.registered = [.init(uid: 200, hotkey: miners[0].hotkey)]
                lost.revealed = [.init(hotkey: try ChainMiner(9_000 + Int(number % 900)).hotkey, payload: "{}")]
                blocks.append(lost)
            }
            blocks.append(block)
        }
    }

    private static func hash(_ number: Int64, _ fork: String = "") -> String {
        SHA256Digest(of: "story \(number)\(fork)").hex
    }

    private static func change(
        _ events: inout [Int64: RecordedBlock], _ number: Int64, _ body: (inout RecordedBlock) -> Void
    ) {
        var block = events[number] ?? RecordedBlock(number: number, hash: "", parent: "")
        body(&block)
        events[number] = block
    }

    private static func enter(
        _ miner: ChainMiner, number: Int, into events: inout [Int64: RecordedBlock], at block: Int64
    ) throws {
        let uid = Int32(1 + number % 250)
        let flaw = flaw(of: number)
        // Uids are given out again once all are taken.
        let registrant = flaw == "swapped" ? try ChainMiner(8_000 + number).hotkey : miner.hotkey
        change(&events, block) { $0.registered = [.init(uid: uid, hotkey: registrant)] }
        if flaw == "swapped" { change(&events, block + 5) { $0.swapped = [.init(uid: uid, hotkey: miner.hotkey)] } }
        let payload =
            switch flaw {
            case "json": "not json"
            case "fields": #"{"model": "\#(miner.repository)"}"#
            case "name": #"{"model": "owner/other-\#(miner.hotkey)", "revision": "\#(miner.revision)"}"#
            case "suffix": #"{"model": "owner/affine-x", "revision": "\#(miner.revision)"}"#
            default: miner.payload
            }
        change(&events, block + 10) { $0.revealed = [.init(hotkey: miner.hotkey, payload: payload)] }
        if flaw == "twice" {
            change(&events, block + 11) { $0.revealed = [.init(hotkey: miner.hotkey, payload: payload)] }
        }
    }

    func miners(with flaw: String) -> [ChainMiner] {
        miners.enumerated().filter { Self.flaw(of: $0.offset + 1) == flaw }.map(\.element)
    }

    /// The hub as it is for these miners.
    func hub() -> HubStandIn {
        let hub = HubStandIn()
        for (index, miner) in miners.enumerated() {
            var repository = HubStandIn.Repository(weights: [miner.repository])
            switch Self.flaw(of: index + 1) {
            case "missing": continue
            case "gated": repository.gated = #""auto""#
            case "revision": repository.commit = String(repeating: "c", count: 40)
            case "copy": repository.weights = [miners[0].repository]
            case "history": repository.titles = ["initial commit", "Duplicate from \(miners[0].repository)"]
            default: break
            }
            hub[miner.repository] = repository
        }
        return hub
    }
}
