public import Domain
internal import Environments

/// What is known of an environment before any task is run in it.
public struct EnvironmentFacts: Hashable, Sendable {
    public let name: EnvironmentName
    /// In one word or two, for people: `program abduction`.
    public let title: String
    /// Names that other clients use for it.
    public let aliases: [String]
    public let bounds: ScoreBounds
    /// Values of the parameter `difficulty`.
    public let difficulties: ClosedRange<Int>

    /// Those that come with the library. Any number of 0 or more is a task of theirs.
    public static let builtin: [EnvironmentFacts] = ReferenceEnvironments.all.map { environment in
        EnvironmentFacts(
            name: environment.name, title: environment.title,
            aliases: [environment.name.rawValue.uppercased() + "-V2"], bounds: .zeroToOne,
            difficulties: ReferenceEnvironments.difficulties)
    }

    /// Whether it is known by this name, in any case.
    func isCalled(_ text: String) -> Bool {
        ([name.rawValue] + aliases).contains { $0.lowercased() == text.lowercased() }
    }
}
