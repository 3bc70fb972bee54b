public import Domain

/// Who may enter the queue: the thresholds and lists of the admission checks.
public struct AdmissionPolicy: Sendable, Codable {
    /// What a model's `config.json` has to say, field by field; `text_config.hidden_size` names a nested one.
    public struct Architecture: Sendable, Codable {
        public var name: String
        public var fields: [String: JSONValue]

        public init(name: String, fields: [String: JSONValue]) {
            self.name = name
            self.fields = fields
        }
    }

    /// Who reads chat templates: a model behind an API like OpenAI's.
    public struct Auditor: Sendable, Codable {
        /// Including `/v1`.
        public var url: String
        public var model: String

        public init(url: String, model: String) {
            self.url = url
            self.model = model
        }
    }

    public var blacklist: Set<Hotkey> = []
    /// The uid that burns; whoever holds it is not a miner.
    public var burnUID: Int32 = 0
    /// Commitments from this block on: a hotkey that committed more than once is refused.
    public var singleCommitFromBlock: Int64 = 7_710_000
    /// A word that the model's name has to hold, whatever its case; empty asks for none.
    public var requiredWord = "affine"
    /// Commitments from this block on: the repository's name has to end with the hotkey.
    public var hotkeySuffixFromBlock: Int64 = 7_290_000
    /// Commitments from this block on: the hotkey has to be the one that the slot was registered with.
    public var anchorFromBlock: Int64 = 8_500_000
    /// A model's configuration has to be that of one of these; none allows every one.
    public var architectures: [Architecture] = []
    /// Commits a repository may have, and characters of a commit's title.
    public var maximumCommits = 100
    public var maximumTitle = 200
    /// Characters a chat template may have.
    public var maximumTemplate = 100_000
    /// Nil lets every template of that length pass.
    public var templateAudit: Auditor?
    /// Seconds between two observations of what the hub says before it is final.
    public var confirmSeconds: Int64 = 900
    /// Seconds after which what could not be looked at is tried again.
    public var retrySeconds: Int64 = 60

    public init() {}

    enum CodingKeys: String, CodingKey {
        case blacklist, architectures
        case burnUID = "burn_uid"
        case singleCommitFromBlock = "single_commit_from_block"
        case requiredWord = "required_word"
        case hotkeySuffixFromBlock = "hotkey_suffix_from_block"
        case anchorFromBlock = "anchor_from_block"
        case maximumCommits = "maximum_commits"
        case maximumTitle = "maximum_title"
        case maximumTemplate = "maximum_template"
        case templateAudit = "template_audit"
        case confirmSeconds = "confirm_seconds"
        case retrySeconds = "retry_seconds"
    }

    /// What a file leaves out keeps its default; a field that is not known is refused.
    public init(from decoder: any Decoder) throws {
        let known = Set(try decoder.container(keyedBy: CodingKeys.self).allKeys.map(\.stringValue))
        for key in try decoder.container(keyedBy: AnyKey.self).allKeys where !known.contains(key.stringValue) {
            throw InvalidValue(
                field: key.stringValue, value: "present", expected: "a field of the admission policy (docs/chain.md)")
        }
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func take<Value: Decodable>(_ key: CodingKeys, _ value: inout Value) throws {
            value = try container.decodeIfPresent(Value.self, forKey: key) ?? value
        }
        try take(.blacklist, &blacklist)
        try take(.burnUID, &burnUID)
        try take(.singleCommitFromBlock, &singleCommitFromBlock)
        try take(.requiredWord, &requiredWord)
        try take(.hotkeySuffixFromBlock, &hotkeySuffixFromBlock)
        try take(.anchorFromBlock, &anchorFromBlock)
        try take(.architectures, &architectures)
        try take(.maximumCommits, &maximumCommits)
        try take(.maximumTitle, &maximumTitle)
        try take(.maximumTemplate, &maximumTemplate)
        templateAudit = try container.decodeIfPresent(Auditor.self, forKey: .templateAudit)
        try take(.confirmSeconds, &confirmSeconds)
        try take(.retrySeconds, &retrySeconds)
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
