public import Digest
public import Domain

/// What a verdict can be recognised by; `docs/digests.md` describes the bytes.
public struct ContestDigests: Hashable, Sendable {
    /// Of rule, slate, both identities, baseline scores and verdict.
    public let outcome: SHA256Digest
    /// Of the outcome and every challenger score that was used.
    public let evidence: SHA256Digest
}

extension ContestRecord {
    /// The verdict, or nil while the contest goes on; `RuleDocument.conclude` for what the record holds.
    public func conclude(finished: Bool) -> Verdict? { rule.conclude(standings, finished: finished) }

    /// The verdict, from what the record holds: its results are taken to be all there will be.
    public func decide() -> Verdict {
        guard let verdict = conclude(finished: true) else {
            preconditionFailure("a finished contest under rule \(rule.digest) has no verdict")
        }
        return verdict
    }

    /// Each environment's standing, in the rule's order.
    var standings: [Standing] {
        zip(rule.environments, slates).map { environment, slate in
            Standing(terms: environment.terms, tally: slate.tally(within: environment.terms.bounds))
        }
    }

    /// Each environment's tally, as the engine is given it.
    public var tallies: [EnvironmentName: EnvironmentTally] {
        Dictionary(uniqueKeysWithValues: zip(slates.map(\.environment), standings.map(\.tally)))
    }

    /// Rule, slate, both identities, baseline scores and verdict: what no order of arrival, crash or curtailment changes.
    public var outcomeDigest: SHA256Digest { digests().outcome }

    /// The outcome and every challenger score that was used.
    public var evidenceDigest: SHA256Digest { digests().evidence }

    /// Both digests; cheaper than one after the other, since the evidence names the outcome.
    public func digests() -> ContestDigests { digests(decide().decision) }

    func digests(_ decision: Verdict.Decision) -> ContestDigests {
        var text = HashedText()
        writeOutcome(decision, to: &text)
        let outcome = text.digest()
        text = HashedText()
        writeEvidence(of: outcome, to: &text)
        return ContestDigests(outcome: outcome, evidence: text.digest())
    }

    /// The bytes under `outcomeDigest`; `docs/digests.md` describes them.
    public var outcomeText: String {
        var text: [UInt8] = []
        writeOutcome(decide().decision, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes under `evidenceDigest`; `docs/digests.md` describes them.
    public var evidenceText: String {
        var text: [UInt8] = []
        writeEvidence(of: outcomeDigest, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private func writeOutcome(_ decision: Verdict.Decision, to text: inout some TextSink) {
        text.line("affine/outcome/1")
        text.line("rule \(rule.digest.hex)")
        text.line(Self.line("champion", champion))
        text.line(Self.line("challenger", challenger))
        for (slate, environment) in zip(slates, rule.environments) {
            let lo = environment.terms.bounds.lo
            text.line("environment \(environment.name) \(slate.count)")
            for (task, result) in zip(slate.ids, slate.champion) {
                text.line(task, result?.kind ?? .missing, result?.score ?? lo)
            }
        }
        text.line("verdict \(decision.rawValue)")
    }

    private func writeEvidence(of outcome: SHA256Digest, to text: inout some TextSink) {
        text.line("affine/evidence/1")
        text.line("outcome \(outcome.hex)")
        for (slate, environment) in zip(slates, rule.environments) {
            let lo = environment.terms.bounds.lo
            text.line("environment \(environment.name) \(slate.count)")
            for (task, result) in zip(slate.ids, slate.challenger) {
                let kind = result?.kind ?? .missing
                text.line(task, kind, kind == .missing ? nil : result?.score ?? lo)
            }
        }
    }

    /// No part can contain a space or a line feed, so a line can be read in one way only.
    private static func line(_ side: String, _ identity: ContestIdentity) -> String {
        "\(side) \(identity.hotkey) \(identity.model.repository) \(identity.model.revision)"
    }
}
