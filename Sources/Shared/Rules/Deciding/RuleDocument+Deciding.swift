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
        conclude(try standings(of: tallies), finished: finished)
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

    func conclude(_ standings: [Standing], finished: Bool) -> Verdict? {
        let isOver = finished || stopping == .exact || standings.allSatisfy(\.isComplete)
        guard isOver else { return nil }
        switch kind.dethrones(standings) {
        case .yes: return Verdict(decision: .dethroned, environments: reports(on: standings))
        case .no: return Verdict(decision: .championKeeps, environments: reports(on: standings))
        case .unknown: return finished ? Verdict(decision: .void, environments: reports(on: standings)) : nil
        }
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
