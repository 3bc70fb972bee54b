public import Domain

extension RuleDocument {
    /// What is certain by now, whatever the rule says of stopping.
    ///
    /// - Throws: `InvalidValue` unless there is one tally per environment of the rule, each over the whole slate. A tally
    ///   that lacks tasks would otherwise cost a miner its only lifetime.
    public func assess(_ tallies: [EnvironmentName: EnvironmentTally]) throws(InvalidValue) -> Assessment {
        assess(try standings(of: tallies))
    }

    /// The verdict, or nil while the contest goes on.
    ///
    /// - Parameter finished: No further result will come. What is undecided then is nobody's fault: `void`.
    /// - Throws: As `assess` does.
    public func conclude(
        _ tallies: [EnvironmentName: EnvironmentTally], finished: Bool
    ) throws(InvalidValue) -> Verdict? {
        let standings = try standings(of: tallies)
        // Which scores could be void can't be seen from sums: they are taken to be as high, or as low, as there are.
        func without(_ bound: (ScoreBounds) -> Score) -> [Standing] {
            standings.map { standing in
                let count = min(voidAllowance, standing.tally.decided)
                let sum = ScoreSum(bound(standing.terms.bounds), times: count)
                return Standing(terms: standing.terms, tally: standing.tally.without(count, sum: sum))
            }
        }
        return conclude(
            ContestStandings(standings, withoutBest: without(\.hi), withoutWorst: without(\.lo)), finished: finished)
    }

    func assess(_ standings: [Standing]) -> Assessment {
        let state: Assessment.State =
            switch kind.dethrones(standings) {
            case .yes: .dethroned
            case .no: .championKeeps
            case .unknown: .undecided
            }
        return Assessment(state: state, environments: reports(on: standings))
    }

    func conclude(_ standings: ContestStandings, finished: Bool) -> Verdict? {
        let isOver = finished || standings.areComplete || (stopping != .full && standings.areCertain(under: kind))
        return isOver ? verdict(on: standings.current, finished: finished) : nil
    }

    /// The verdict when no further result will come.
    func decide(_ standings: [Standing]) -> Verdict {
        guard let verdict = verdict(on: standings, finished: true) else {
            preconditionFailure("a finished contest under rule \(digest) has no verdict")
        }
        return verdict
    }

    private func verdict(on standings: [Standing], finished: Bool) -> Verdict? {
        let decision: Verdict.Decision
        switch kind.dethrones(standings) {
        case .yes: decision = .dethroned
        case .no: decision = .championKeeps
        case .unknown where finished: decision = .void
        case .unknown: return nil
        }
        return Verdict(decision: decision, environments: reports(on: standings))
    }

    private func reports(on standings: [Standing]) -> [EnvironmentReport] {
        zip(environments, standings).map { environment, standing in
            EnvironmentReport(environment: environment.name, standing: standing, kind: kind)
        }
    }

    private func standings(of tallies: [EnvironmentName: EnvironmentTally]) throws(InvalidValue) -> [Standing] {
        var standings: [Standing] = []
        for environment in environments {
            let tasks = tallies[environment.name]?.tasks ?? 0
            guard let tally = tallies[environment.name], tasks == environment.terms.samplingCount else {
                throw InvalidValue(
                    field: "\(environment.name).tasks", value: String(tasks),
                    expected: "\(environment.terms.samplingCount), the rule's sampling_count")
            }
            standings.append(Standing(terms: environment.terms, tally: tally))
        }
        guard tallies.count == environments.count else {
            throw InvalidValue(
                field: "tallies", value: String(tallies.count),
                expected: "the rule's \(environments.count) environments only")
        }
        return standings
    }
}
