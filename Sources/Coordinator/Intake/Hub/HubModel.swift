internal import Digest
package import Domain

/// What the hub says of a model at one revision.
package struct HubModel: Hashable, Sendable {
    /// The commit that the revision resolves to.
    package var commit: String
    package var isPrivate = false
    package var isGated = false
    package var isDisabled = false
    /// SHA-256 of every weight file (`.safetensors`, `.bin`), hexadecimal.
    package var weightHashes: [String] = []
    /// `config.json`; nil when there is none.
    package var config: JSONValue?
    /// Titles of the commits up to the revision, the newest first.
    package var commitTitles: [String] = []
    /// Every chat template that is there: which one an engine takes depends on its version.
    package var chatTemplates: [String] = []

    package init(commit: String) {
        self.commit = commit
    }

    /// Whether a file holds weights, by its name.
    static func isWeights(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") || name.hasSuffix(".bin")
    }

    /// Files that may hold a chat template, as transformers reads them.
    static let templateFiles = ["tokenizer_config.json", "chat_template.jinja", "chat_template.json"]

    /// The templates of one of these files: a text, or JSON in which `chat_template` is one or a list of named ones.
    package static func templates(in name: String, _ bytes: some Sequence<UInt8>) -> [String] {
        guard name.hasSuffix(".json") else { return [String(decoding: Array(bytes), as: UTF8.self)] }
        switch JSONValue(json: bytes)?["chat_template"] {
        case .string(let template): return [template]
        case .array(let named): return named.compactMap { $0["template"]?.stringValue }
        default: return []
        }
    }

    /// SHA-256 of the sorted, de-duplicated hashes of the weights, one after the other; nil without weights. Two
    /// repositories with the same weights have the same one, whatever else is in them.
    package var modelHash: String? {
        weightHashes.isEmpty ? nil : SHA256Digest(of: Set(weightHashes).sorted().joined()).hex
    }
}

/// What came of asking.
package enum HubAnswer: Hashable, Sendable {
    case found(HubModel)
    case repositoryMissing
    case revisionMissing
    case gated
    case accessDenied
    /// Nothing follows from that: the hub was away, busy, or said what nobody understands.
    case unavailable(String)
}

/// Asks the hub, or stands in for it.
package protocol Hub: Sendable {
    func look(at model: ModelReference) async -> HubAnswer
}
