public import Digest
public import Domain

extension ContestRecord {
    /// The verdict, from what the record holds: its results are taken to be all there will be.
    public func decide() -> Verdict {
        let standings = rule.environments.map { Standing(terms: $0.terms, tally: tally(of: $0)) }
        guard let verdict = rule.conclude(standings, finished: true) else {
            preconditionFailure("a finished contest under rule \(rule.digest) has no verdict")
        }
        return verdict
    }

    /// Each environment's tally, as the engine was given it.
    public var tallies: [EnvironmentName: EnvironmentTally] {
        var tallies: [EnvironmentName: EnvironmentTally] = [:]
        for environment in rule.environments {
            tallies[environment.name] = tally(of: environment)
        }
        return tallies
    }

    /// Rule, slate, both identities, baseline scores and verdict: what no order of arrival, crash or curtailment changes.
    public var outcomeDigest: SHA256Digest { SHA256Digest(of: outcomeText) }

    /// The outcome and every challenger score that was used.
    public var evidenceDigest: SHA256Digest { SHA256Digest(of: evidenceText) }

    /// The bytes under `outcomeDigest`; `docs/digests.md` describes them.
    public var outcomeText: String {
        var lines = [
            "affine/outcome/1", "rule \(rule.digest.hex)", Self.line("champion", champion),
            Self.line("challenger", challenger),
        ]
        for environment in rule.environments {
            let bounds = environment.terms.bounds
            let slate = slate(of: environment.name)
            lines.append("environment \(environment.name) \(slate.count)")
            for task in slate {
                lines.append("task \(task.task) \(task.champion.kind.rawValue) \(task.baseline(within: bounds).nano)")
            }
        }
        lines.append("verdict \(decide().decision.rawValue)")
        return Self.text(lines)
    }

    /// The bytes under `evidenceDigest`; `docs/digests.md` describes them.
    public var evidenceText: String {
        var lines = ["affine/evidence/1", "outcome \(outcomeDigest.hex)"]
        for environment in rule.environments {
            let bounds = environment.terms.bounds
            let slate = slate(of: environment.name)
            lines.append("environment \(environment.name) \(slate.count)")
            for task in slate {
                let kind = task.challenger?.kind ?? .missing
                let score =
                    switch task.challenge(within: bounds) {
                    case .decided(let score): String(score.nano)
                    case .unknown: "-"
                    }
                lines.append("task \(task.task) \(kind.rawValue) \(score)")
            }
        }
        return Self.text(lines)
    }

    func tally(of environment: RuleEnvironment) -> EnvironmentTally {
        let bounds = environment.terms.bounds
        var tally = EnvironmentTally()
        for task in slate(of: environment.name) {
            tally.add(champion: task.baseline(within: bounds), challenger: task.challenge(within: bounds))
        }
        return tally
    }

    /// No part can contain a space or a line feed, so a line can be read in one way only.
    private static func line(_ side: String, _ identity: ContestIdentity) -> String {
        "\(side) \(identity.hotkey) \(identity.model.repository) \(identity.model.revision)"
    }

    private static func text(_ lines: [String]) -> String {
        lines.joined(separator: "\n") + "\n"
    }
}
