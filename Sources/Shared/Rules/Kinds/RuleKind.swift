public import Domain

/// One way of deciding a contest. A new kind is one file that conforms, and its line in `RuleKinds.all`.
///
/// A kind must be *monotone*: a better challenger score never turns a win into a loss. Built from `Trivalent`'s
/// operations over standings it then stops as early as is safe, without doing anything for it.
public protocol RuleKind: Hashable, Sendable {
    /// The word in a document's `kind`.
    static var name: String { get }

    /// Takes the fields of its own from the document's top level.
    init(reading fields: inout JSONFields) throws(InvalidValue)

    /// The fields of its own, as they stand in the document.
    var fields: [ExactJSON.Member] { get }

    /// Refuses what the kind cannot work with; the terms are otherwise sound.
    func check(_ environments: [RuleEnvironment]) throws(InvalidValue)

    /// Whether the challenger takes the throne, as far as that is certain.
    func dethrones(_ standings: [Standing]) -> Trivalent

    /// The word for one environment's part in it.
    func state(of standing: Standing) -> EnvironmentState

    /// Why the environment is in that state, as a phrase without its name.
    func reason(for standing: Standing) -> String

    /// How many scores to change in each environment, the fewest in all, for `dethrones` to meet the goal; nil when no
    /// change is enough. Each environment makes its own largest changes first (`ChangeableStanding`).
    func fewestChanges(for goal: ChangeGoal, in environments: [ChangeableStanding]) -> [Int]?

    /// When the challenger takes the throne, as a sentence.
    var condition: String { get }

    /// What an environment asks of the challenger, as a phrase without its name.
    func demand(of terms: EnvironmentTerms) -> String
}

/// What an environment contributes to a verdict.
public enum EnvironmentState: String, Hashable, Sendable, Codable, CaseIterable {
    /// `strict_margin`: the bar is cleared, whatever is still unknown.
    case won
    /// `strict_margin`: the bar is out of reach.
    case lost
    /// What is still unknown can change it.
    case open
    /// `partial_pareto`: better by more than the margin.
    case dominant
    /// `partial_pareto`: not dominant, and within the tolerance.
    case notWorse = "not_worse"
    /// `partial_pareto`: behind by more than the tolerance.
    case worse
}

/// The kinds there are.
public enum RuleKinds {
    public static let all: [any RuleKind.Type] = [StrictMargin.self, PartialPareto.self]
}
