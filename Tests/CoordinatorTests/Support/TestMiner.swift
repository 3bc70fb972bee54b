import Digest
import Domain

/// A miner that a test knows by one letter, which must be of base 58.
struct TestMiner: Hashable, Sendable {
    let letter: Character
    let hotkey: Hotkey
    let model: ModelReference

    init(_ letter: Character) throws {
        self.letter = letter
        hotkey = try Hotkey("5" + String(repeating: letter, count: 47))
        model = try ModelReference(
            repository: "models/\(letter)", revision: String(SHA256Digest(of: String(letter)).hex.prefix(40)))
    }

    /// Where a test's worker finds the model served.
    var url: String { "http://\(letter).example" }
}
