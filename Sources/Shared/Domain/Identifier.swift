/// A row's identity: a `bigint` that can't be passed where another entity's is wanted.
public struct Identifier<Entity>: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: Int64

    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    public init(from decoder: any Decoder) throws {
        rawValue = try decoder.singleValueContainer().decode(Int64.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    public var description: String { String(rawValue) }
}

/// Names for entities that exist only as rows; they give each `Identifier` its own type.
public enum Entity {
    public enum Commitment {}
    public enum Contest {}
    public enum Deployment {}
    public enum Evaluation {}
    public enum Reign {}
    public enum DatasetTask {}
    public enum Window {}
}

public typealias CommitmentID = Identifier<Entity.Commitment>
public typealias ContestID = Identifier<Entity.Contest>
public typealias DeploymentID = Identifier<Entity.Deployment>
public typealias EvaluationID = Identifier<Entity.Evaluation>
public typealias ReignID = Identifier<Entity.Reign>
/// A task's number within its environment's data set.
public typealias TaskID = Identifier<Entity.DatasetTask>
/// A window's number: 1, 2, 3 …
public typealias WindowID = Identifier<Entity.Window>
