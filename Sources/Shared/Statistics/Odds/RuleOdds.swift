public import Domain
public import Rules

/// What chance alone can do under a rule, and what a contest under it can find out.
public struct RuleOdds: Hashable, Sendable, Encodable {
    public struct Environment: Hashable, Sendable, Encodable {
        public let environment: EnvironmentName
        public let tasks: Int
        public let margin: Score
        public let estimate: NoiseEstimate
        /// `CopyOdds.normal`: how likely an identical copy wins here.
        public let copy: Double
        /// `DetectableGain.smallest`: with a true gain like this in every environment a challenger takes the throne with
        /// probability `power`.
        public let smallestGain: Double

        enum CodingKeys: String, CodingKey {
            case environment, tasks, deviation, correlation, source, copy
            case margin = "margin_nano"
            case smallestGain = "smallest_gain"
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(environment, forKey: .environment)
            try container.encode(tasks, forKey: .tasks)
            try container.encode(margin, forKey: .margin)
            try container.encode(estimate.noise.standardDeviation, forKey: .deviation)
            try container.encode(estimate.noise.correlation, forKey: .correlation)
            try container.encode(estimate.source.description, forKey: .source)
            try container.encode(copy, forKey: .copy)
            try container.encode(smallestGain, forKey: .smallestGain)
        }
    }

    /// Sorted by name.
    public let environments: [Environment]
    public let power: Double
    /// How likely an identical copy of the champion wins everywhere and takes the throne.
    public let copy: Double
    /// `CopyOdds.copiesForAnEvenBet`; nil when no number suffices.
    public let copiesForAnEvenBet: Int?

    enum CodingKeys: String, CodingKey {
        case environments, power, copy
        case copiesForAnEvenBet = "copies_for_an_even_bet"
    }

    /// - Throws: `InvalidValue` for a rule of another kind than `strict_margin`, an environment of it without an estimate,
    ///   or a power outside (0, 1).
    public init(
        rule: RuleDocument, estimates: [EnvironmentName: NoiseEstimate], power: Double = 0.8
    ) throws(InvalidValue) {
        guard rule.kind is StrictMargin else {
            throw InvalidValue(
                field: "kind", value: rule.kindName, expected: "\(StrictMargin.name): the odds of others are not known")
        }
        var environments: [Environment] = []
        for environment in rule.environments {
            guard let estimate = estimates[environment.name] else {
                throw InvalidValue(
                    field: "\(environment.name).scores", value: "none",
                    expected: "results of the champion: there are none in this window yet")
            }
            environments.append(
                try Environment(environment, estimate, power: power, environments: rule.environments.count))
        }
        self.environments = environments
        self.power = power
        copy = CopyOdds.everyEnvironment(environments.map(\.copy))
        copiesForAnEvenBet = CopyOdds.copiesForAnEvenBet(copy)
    }
}

extension RuleOdds.Environment {
    fileprivate init(
        _ environment: RuleEnvironment, _ estimate: NoiseEstimate, power: Double, environments: Int
    ) throws(InvalidValue) {
        let terms = environment.terms
        let bar = try StrictBar(tasks: Int(terms.samplingCount), margin: terms.margin)
        let critical = Double(terms.confidence?.criticalMicro ?? 0) / 1_000_000
        self.environment = environment.name
        self.estimate = estimate
        tasks = bar.tasks
        margin = terms.margin
        copy = try CopyOdds.normal(bar, noise: estimate.noise, step: estimate.step, critical: critical)
        smallestGain = try DetectableGain.smallest(
            bar, differenceDeviation: estimate.noise.ofDifference, power: power, alpha: Normal.above(critical),
            environments: environments)
    }
}
