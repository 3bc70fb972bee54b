public import Domain

/// The fewest of the challenger's task scores that would have to differ, within the bounds, for another verdict.
public struct PivotalTasks: Hashable, Sendable, Codable {
    /// A smallest set. Sorted by environment; within it the largest change first, ties by slate position.
    public let changes: [ScoreChange]
    /// The verdict with these changes, of a contest that is finished as the record is: `void` when what is still
    /// unknown would then decide it.
    public let decision: Verdict.Decision
}

extension ContestRecord {
    /// What the verdict hangs on: the fewest changed scores after which it would not follow any more.
    ///
    /// Of a contest that stopped early only scores that counted are changed. What is unknown stays unknown, and the
    /// verdict falls as soon as the rest of the slate could turn it.
    ///
    /// - Returns: Nil when no change of the challenger's scores is enough, such as when a baseline at `hi` leaves no
    ///   room for the margin, and for a verdict that rests on evidence: that hangs on the order as well.
    public func pivotalTasks() -> PivotalTasks? {
        let environments = changeableStandings
        guard !environments.contains(where: \.standing.restsOnEvidence) else { return nil }
        let goals: [ChangeGoal] =
            switch rule.kind.dethrones(environments.map(\.standing)) {
            case .yes: [.doubtful]
            case .no: [.possible]
            case .unknown: [.impossible, .certain]
            }
        let ways = goals.compactMap { goal in
            rule.kind.fewestChanges(for: goal, in: environments).map { (goal: goal, counts: $0) }
        }
        // `min` keeps the first of equals.
        return ways.min { $0.counts.total < $1.counts.total }
            .map { pivotal(environments, counts: $0.counts, goal: $0.goal) }
    }

    /// The same for one environment's bar: the fewest changed scores after which it would not be certain any more that
    /// the environment is cleared (or missed), and the whole contest's verdict with them.
    ///
    /// - Returns: Nil when no change of scores is enough, when what is unknown decides it anyway, or for an
    ///   environment that the rule does not name.
    public func pivotalTasks(in name: EnvironmentName) -> PivotalTasks? {
        let environments = changeableStandings
        guard let index = rule.environments.firstIndex(where: { $0.name == name }),
            !environments[index].standing.restsOnEvidence
        else { return nil }
        let goal: ChangeGoal
        switch environments[index].standing.dominates {
        case .yes: goal = .doubtful
        case .no: goal = .possible
        case .unknown: return nil
        }
        guard let count = environments[index].fewest(for: goal, \.dominates) else { return nil }
        let counts = environments.indices.map { $0 == index ? count : 0 }
        return pivotal(environments, counts: counts, goal: goal)
    }

    private var changeableStandings: [ChangeableStanding] {
        zip(standings(under: rule), slates).map(ChangeableStanding.init)
    }

    private func pivotal(_ environments: [ChangeableStanding], counts: [Int], goal: ChangeGoal) -> PivotalTasks {
        let standings = zip(environments, counts).map { $0.standing(after: $1, for: goal) }
        let decision: Verdict.Decision =
            switch rule.kind.dethrones(standings) {
            case .yes: .dethroned
            case .no: .championKeeps
            case .unknown: .void
            }
        let changes = zip(environments, counts).flatMap { $0.changes(for: goal).prefix($1) }
        return PivotalTasks(changes: changes, decision: decision)
    }
}
