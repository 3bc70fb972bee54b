public import Domain

/// The challenger takes the throne only by clearing the margin in every environment; one environment lost ends it.
public struct StrictMargin: RuleKind {
    public static let name = "strict_margin"

    public init() {}

    public init(reading fields: inout JSONFields) throws(InvalidValue) {}

    public var fields: [ExactJSON.Member] { [] }

    public func check(_ environments: [RuleEnvironment]) throws(InvalidValue) {
        for environment in environments where environment.terms.tolerance != nil {
            throw InvalidValue(
                field: "environments.\(environment.name).\(Tolerance.fieldNames)", value: "present",
                expected: "no tolerance: \(Self.name) has none")
        }
    }

    public func dethrones(_ standings: [Standing]) -> Trivalent {
        standings.isEmpty ? .no : .all(standings.map(\.dominates))
    }

    public func state(of standing: Standing) -> EnvironmentState {
        switch standing.dominates {
        case .yes: .won
        case .no: .lost
        case .unknown: .open
        }
    }

    public func reason(for standing: Standing) -> String {
        let scores = "\(standing.comparison), needs more than \(standing.bar.mean(over: standing.tally.tasks))"
        let atLeast = standing.isComplete ? "" : "at least "
        let count = standing.tally.tasks
        let result =
            switch state(of: standing) {
            case _ where standing.isTooShort: "lost: too few tasks"
            case .won where standing.restsOnEvidence: "won on the evidence so far"
            case .lost where standing.restsOnEvidence: "lost on the evidence so far"
            case .lost where standing.doubt != nil: "lost: \(standing.doubt ?? "")"
            case .won: "won by \(atLeast)\(standing.lower.distance(over: count))"
            case .lost where standing.upper == .zero:
                standing.isComplete ? "lost: a tie keeps the champion" : "lost: a tie at best keeps the champion"
            case .lost: "lost by \(atLeast)\((-standing.upper).distance(over: count))"
            default: "open"
            }
        return "\(scores): \(result)\(standing.progress)"
    }

    /// Upwards every environment has to go along; downwards one is enough.
    public func fewestChanges(for goal: ChangeGoal, in environments: [ChangeableStanding]) -> [Int]? {
        let counts = environments.map { $0.fewest(for: goal, \.dominates) }
        return goal.isUpwards ? counts.all : counts.smallest(1)
    }

    public var condition: String {
        "The challenger takes the throne if it beats the champion by more than the margin in every environment."
    }

    public func demand(of terms: EnvironmentTerms) -> String {
        "more than \(terms.margin) above the champion's"
    }
}
