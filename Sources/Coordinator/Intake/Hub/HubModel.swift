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
    /// Nil when the tokenizer has none.
    package var chatTemplate: String?

    package init(commit: String) {
        self.commit = commit
    }

    /// Whether a file holds weights, by its name.
    static func isWeights(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") || name.hasSuffix(".bin")
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
