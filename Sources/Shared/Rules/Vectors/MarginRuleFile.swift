public import Domain

/// A file of finished contests to decide, each under its own margins: `af rule decide`, and the shared test vectors.
///
/// Environments and margins are the file's, not a rule document's, but the deciding is the engine's: the same tallies,
/// standings and kinds as in a contest, with every task decided. Scores are read from their decimal text, so they are
/// exact; more than nine decimals are refused.
public struct MarginRuleFile: Sendable {
    public let cases: [MarginRuleCase]

    /// - Throws: `InvalidValue` that names the case and the field.
    public init(parsing text: String) throws(InvalidValue) {
        var fields = try JSONFields(ExactJSON(parsing: text))
        var cases: [MarginRuleCase] = []
        for (index, item) in try fields.array("cases", expected: "a list of cases").enumerated() {
            cases.append(try MarginRuleCase(parsing: item, index: index))
        }
        self.cases = cases
    }

    /// Decides each case, in the file's order.
    public func decide() -> [MarginRuleDecision] {
        cases.map { $0.decide() }
    }
}

/// What the rule says of one case.
public struct MarginRuleDecision: Hashable, Sendable, Codable {
    public enum Winner: String, Hashable, Sendable, Codable {
        case challenger, champion
    }

    public enum EnvironmentVerdict: String, Hashable, Sendable, Codable {
        case dominant
        case notWorse = "not_worse"
        case worse
    }

    public struct Environment: Hashable, Sendable, Codable {
        public let env: String
        public let verdict: EnvironmentVerdict

        public init(env: String, verdict: EnvironmentVerdict) {
            self.env = env
            self.verdict = verdict
        }
    }

    /// The case's id as the file gives it: an integer or a string.
    public let id: JSONValue
    public let winner: Winner
    public let envs: [Environment]

    public init(id: JSONValue, winner: Winner, envs: [Environment]) {
        self.id = id
        self.winner = winner
        self.envs = envs
    }
}

/// One contest of the file.
public struct MarginRuleCase: Sendable {
    public let id: JSONValue
    /// The strict rule when the file asks for no number of dominant environments, else partial Pareto.
    public let kind: any RuleKind
    package let environments: [(name: String, standing: Standing)]

    package func decide() -> MarginRuleDecision {
        let verdicts = environments.map { name, standing in
            MarginRuleDecision.Environment(
                env: name,
                verdict: standing.dominates == .yes ? .dominant : standing.isNotWorse == .yes ? .notWorse : .worse)
        }
        let dethrones = kind.dethrones(environments.map(\.standing)) == .yes
        return MarginRuleDecision(id: id, winner: dethrones ? .challenger : .champion, envs: verdicts)
    }
}
