/// A miner, as an arena's public API shows it.
public struct ArenaMiner: Hashable, Sendable, Decodable {
    private enum CodingKeys: String, CodingKey {
        case uid, hotkey, model, revision
        case isValid = "is_valid"
        case status = "challenge_status"
    }

    /// Nil or -1 while the hotkey is not registered.
    public let uid: Int32?
    public let hotkey: String
    /// `owner/name`.
    public let model: String
    /// A commit of the model's repository.
    public let revision: String
    /// Whether the arena admitted it; nil where the API does not say.
    public let isValid: Bool?
    /// `sampling`, `in_progress`, `champion` or `terminated`; nil where the API does not say.
    public let status: String?
}
