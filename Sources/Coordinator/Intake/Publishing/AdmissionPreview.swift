package import Domain

/// Why admission would refuse a commitment.
package struct AdmissionObjection: Hashable, Sendable, Encodable, CustomStringConvertible {
    /// As existing clients read it.
    package let reason: String
    package let evidence: String

    package var description: String { evidence.isEmpty ? reason : "\(reason) (\(evidence))" }
}

/// Looks at a commitment before it is made, by admission's own checks: all of them, not only the first that refuses.
///
/// What only the arena knows is left out: whether equal weights were committed earlier, and who registered the slot.
package struct AdmissionPreview: Sendable {
    private let standing: ChainStanding
    private let policy: AdmissionPolicy

    package init(standing: ChainStanding, policy: AdmissionPolicy) {
        self.standing = standing
        self.policy = policy
    }

    /// What stands against committing the model in the next block, given what the hub says of it.
    package func objections(to model: ModelReference, on answer: HubAnswer) throws -> [AdmissionObjection] {
        let application = try Application(committing: model, after: standing)
        let findings =
            ChainChecks.all.map { $0.finding(on: application, under: policy) }
            + HubChecks.findings(on: answer, in: application, under: policy)
        return findings.compactMap(\.objection)
    }

    /// What stands against a folder's model, once it is the repository's newest commit.
    ///
    /// - Parameter title: Of the commit that is still to be made.
    package func objections(
        to folder: ModelFolder, in repository: String, titled title: String
    ) throws -> [AdmissionObjection] {
        let model = try ModelReference(repository: repository, revision: String(repeating: "0", count: 40))
        var uploaded = folder.model
        uploaded.commit = model.revision
        uploaded.commitTitles = [title]
        return try objections(to: model, on: .found(uploaded))
    }
}

extension Application {
    /// As it will be once the hotkey has committed the model in the next block.
    init(committing model: ModelReference, after standing: ChainStanding) throws {
        var reveals = standing.reveals
        if let block = standing.sealedBlock {
            reveals.append(Reveal(hotkey: standing.hotkey, block: block, payload: ""))
        }
        reveals.append(
            Reveal(hotkey: standing.hotkey, block: standing.block + 1, payload: try Self.payload(naming: model)))
        self.init(
            hotkey: standing.hotkey, reveals: reveals, slot: standing.uid.map { ($0, anchor: standing.hotkey) })
    }

    /// The commitment of a model, as it stands on the chain.
    static func payload(naming model: ModelReference) throws -> String {
        try ["model": model.repository, "revision": model.revision].jsonText()
    }
}

extension AdmissionFinding {
    /// Nil for one that passes.
    var objection: AdmissionObjection? {
        self == .pass ? nil : AdmissionObjection(reason: words.reason, evidence: words.evidence)
    }
}
