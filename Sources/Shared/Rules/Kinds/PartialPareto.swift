public import Domain

/// The challenger takes the throne by clearing the margin in some environments while being worse in none.
public struct PartialPareto: RuleKind {
    public static let name = "partial_pareto"

    /// In how many environments the challenger has to be dominant.
    public let minDominant: Int

    public init(minDominant: Int) {
        self.minDominant = minDominant
    }

    public init(reading fields: inout JSONFields) throws(InvalidValue) {
        minDominant = Int(try fields.integer("min_dominant", in: 1...Int64(RuleDocument.maxEnvironments)))
    }

    public var fields: [ExactJSON.Member] { [.init("min_dominant", .integer(Int64(minDominant)))] }

    public func check(_ environments: [RuleEnvironment]) throws(InvalidValue) {
        guard (1...environments.count).contains(minDominant) else {
            throw InvalidValue(
                field: "min_dominant", value: String(minDominant),
                expected: "1 to \(environments.count), the number of environments")
        }
        for environment in environments where environment.terms.tolerance == nil {
            throw InvalidValue(
                field: "environments.\(environment.name).\(Tolerance.fieldNames)", value: "absent",
                expected: "one tolerance: \(Self.name) needs it")
        }
    }

    public func dethrones(_ standings: [Standing]) -> Trivalent {
        .atLeast(minDominant, of: standings.map(\.dominates)) && .all(standings.map(\.isNotWorse))
    }

    public func state(of standing: Standing) -> EnvironmentState {
        switch (standing.dominates, standing.isNotWorse) {
        case (.yes, _): .dominant
        case (_, .no): .worse
        case (.no, .yes): .notWorse
        default: .open
        }
    }

    public func reason(for standing: Standing) -> String {
        let count = standing.tally.tasks
        let floor =
            standing.terms.tolerance.map { ", worse below \($0.floor(under: standing).mean(over: count))" } ?? ""
        let bars = "dominant above \(standing.bar.mean(over: count))\(floor)"
        let result =
            switch state(of: standing) {
            case _ where standing.isTooShort: "worse: too few tasks"
            case .notWorse: "not worse\(standing.doubt.map { ": \($0)" } ?? "")"
            case let state: state.rawValue
            }
        return "\(standing.comparison), \(bars): \(result)\(standing.progress)"
    }

    /// Upwards no environment may stay worse, and those that are cheapest to take further become dominant as well: what
    /// it takes not to be worse is a part of what dominance takes. Downwards either one environment becomes worse, or so
    /// many lose their dominance that too few are left, whichever is cheaper.
    public func fewestChanges(for goal: ChangeGoal, in environments: [ChangeableStanding]) -> [Int]? {
        let dominant = environments.map { $0.fewest(for: goal, \.dominates) }
        let notWorse = environments.map { $0.fewest(for: goal, \.isNotWorse) }
        if goal.isUpwards {
            guard let needed = notWorse.all else { return nil }
            let further = zip(dominant, needed).map { dominant, needed in dominant.map { $0 - needed } }
            return further.smallest(minDominant).map { zip(needed, $0).map(+) }
        }
        let ways = [notWorse.smallest(1), dominant.smallest(environments.count - minDominant + 1)]
        return ways.compactMap(\.self).min { $0.total < $1.total }
    }

    public var condition: String {
        let some = minDominant == 1 ? "at least one environment" : "at least \(minDominant) environments"
        return "The challenger takes the throne if it beats the champion by more than the margin in \(some) "
            + "and is worse than the tolerance allows in none."
    }

    public func demand(of terms: EnvironmentTerms) -> String {
        let worse: String
        switch terms.tolerance {
        case .multiplicative(let part): worse = "below \(Score(nano: Score.unit - part.nano)) times the champion's"
        case .additive(let distance): worse = "more than \(distance) below the champion's"
        case nil: worse = "not above the margin"
        }
        return "more than \(terms.margin) above the champion's to be dominant, and worse when \(worse)"
    }
}
