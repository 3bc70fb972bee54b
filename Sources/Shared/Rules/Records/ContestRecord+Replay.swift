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
    public func conclude(finished: Bool) -> Verdict? {
        let standings = standings(under: rule)
        guard rule.voidAllowance > 0 else { return rule.conclude(ContestStandings(standings), finished: finished) }
        func without(highest: Bool) -> [Standing] {
            zip(standings, slates).map { standing, slate in
                let void = slate.extremes(rule.voidAllowance, highest: highest, within: standing.terms.bounds)
                return Standing(terms: standing.terms, tally: standing.tally.without(void.count, sum: void.sum))
            }
        }
        return rule.conclude(
            ContestStandings(
                standings, withoutBest: without(highest: true), withoutWorst: without(highest: false)),
            finished: finished)
    }

    /// The verdict, from what the record holds: its results are taken to be all there will be.
    public func decide() -> Verdict { rule.decide(standings(under: rule)) }

    /// Each environment's standing under a rule over the same environments, bounds and tasks, in the rule's order.
    func standings(under rule: RuleDocument) -> [Standing] {
        zip(rule.environments, zip(slates, sums)).map { environment, side in
            let (slate, tally) = side
            let pairs = environment.terms.confidence == nil ? nil : PairedSums(slate, under: environment.terms)
            let evidence = rule.alphaNano.map { slate.evidence(under: environment.terms, alphaNano: $0) } ?? .unknown
            return Standing(terms: environment.terms, tally: tally, pairs: pairs, evidence: evidence)
        }
    }

    /// Each environment's tally, as the engine is given it.
    public var tallies: [EnvironmentName: EnvironmentTally] {
        Dictionary(uniqueKeysWithValues: zip(slates.map(\.environment), sums))
    }

    /// Rule, slate, both identities, baseline scores and verdict: what no order of arrival, crash or curtailment changes.
    public var outcomeDigest: SHA256Digest { digests().outcome }

    /// The outcome and every challenger score that was used.
    public var evidenceDigest: SHA256Digest { digests().evidence }

    /// Both digests; cheaper than one after the other, since the evidence names the outcome.
    public func digests() -> ContestDigests { digests(decide().decision) }

    /// Those of the decision that the record leads to, when it is known already.
    package func digests(_ decision: Verdict.Decision) -> ContestDigests {
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
