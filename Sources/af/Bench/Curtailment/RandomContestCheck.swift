import Domain
import Rules

/// Small contests of every kind, decided after each result in random order and again when all are in.
struct RandomContestCheck: Encodable, Sendable {
    let contests: Int
    /// Verdicts that a later result changed, or that the full run does not give.
    let verdictChanges: Int
    let decidedEarly: Int

    enum CodingKeys: String, CodingKey {
        case contests
        case verdictChanges = "verdict_changes"
        case decidedEarly = "decided_early"
    }

    static func run(contests: Int, seed: UInt64) async throws -> RandomContestCheck {
        let outcomes = try await inParallel(contests) { contest in
            var chance = Chance("random contest \(seed) \(contest)")
            return try decide(rule(&chance), &chance)
        }
        return RandomContestCheck(
            contests: contests, verdictChanges: outcomes.count(where: \.isChanged),
            decidedEarly: outcomes.count(where: \.isEarly))
    }

    /// One to eight environments of one to six tasks, with binary or graded scores, bounds of either sign, and ties as
    /// likely as a coarse grid makes them.
    private static func rule(_ chance: inout Chance) throws -> RuleDocument {
        let count = chance.int(1...8)
        let isStrict = chance.happens(0.5)
        var environments: [RuleEnvironment] = []
        for index in 1...count {
            environments.append(
                RuleEnvironment(
                    name: try EnvironmentName("environment-\(index)"), terms: terms(&chance, hasTolerance: !isStrict)))
        }
        return try RuleDocument(
            kind: isStrict ? StrictMargin() : PartialPareto(minDominant: chance.int(1...count)),
            environments: environments, stopping: .exact)
    }

    private static func terms(_ chance: inout Chance, hasTolerance: Bool) -> EnvironmentTerms {
        let (lo, hi) = chance.pick([(0, 1), (-1, 1), (0, 100), (-7, -3)])
        guard let bounds = ScoreBounds(lo: Score(nano: Int64(lo) * Score.unit), hi: Score(nano: Int64(hi) * Score.unit))
        else { preconditionFailure("\(lo) is not below \(hi)") }
        let span = bounds.hi.nano - bounds.lo.nano
        var tolerance: Tolerance?
        if hasTolerance {
            tolerance =
                chance.happens(0.5)
                ? .multiplicative(Score(nano: chance.pick([0, 20_000_000, 250_000_000])))
                : .additive(Score(nano: chance.pick([0, span / 8, span / 4])))
        }
        return EnvironmentTerms(
            bounds: bounds, margin: Score(nano: chance.pick([0, span / 8, span / 4, span / 3])),
            samplingCount: Int64(chance.int(1...6)), tolerance: tolerance)
    }

    private struct Job {
        let environment: Int
        let champion: Score
        let challenger: EnvironmentTally.ChallengerTask
    }

    /// Results arrive in random order; a failure of the model's own counts as `lo`, and some never come.
    private static func decide(
        _ rule: RuleDocument, _ chance: inout Chance
    ) throws -> (isChanged: Bool, isEarly: Bool) {
        let jobs = jobs(&chance, under: rule)
        var arrived = [EnvironmentTally.ChallengerTask](repeating: .unknown, count: jobs.count)
        func tallies() -> [EnvironmentName: EnvironmentTally] {
            var tallies = rule.environments.map { _ in EnvironmentTally() }
            for (job, result) in zip(jobs, arrived) {
                tallies[job.environment].add(champion: job.champion, challenger: result)
            }
            return Dictionary(uniqueKeysWithValues: zip(rule.environments.map(\.name), tallies))
        }
        var early: Verdict.Decision?
        var (isChanged, isEarly) = (false, false)
        for (count, index) in chance.permutation(of: jobs.count).enumerated() {
            arrived[index] = jobs[index].challenger
            let decision = try rule.conclude(tallies(), finished: false)?.decision
            if let early, decision != early { isChanged = true }
            if early == nil, decision != nil, count + 1 < jobs.count { isEarly = true }
            early = early ?? decision
        }
        let final = try rule.conclude(tallies(), finished: true)?.decision
        return (isChanged || (early != nil && early != final), isEarly)
    }

    private static func jobs(_ chance: inout Chance, under rule: RuleDocument) -> [Job] {
        var jobs: [Job] = []
        for (index, environment) in rule.environments.enumerated() {
            let bounds = environment.terms.bounds
            let steps = chance.pick([1, 4])
            func score(_ chance: inout Chance) -> Score {
                let step = (bounds.hi.nano - bounds.lo.nano) / Int64(steps)
                return Score(nano: bounds.lo.nano + Int64(chance.int(0...steps)) * step)
            }
            for _ in 0..<environment.terms.samplingCount {
                let champion = score(&chance)
                let challenger: EnvironmentTally.ChallengerTask =
                    switch chance.int(1...20) {
                    case 1: .unknown
                    case 2: .decided(bounds.lo)
                    default: .decided(score(&chance))
                    }
                jobs.append(Job(environment: index, champion: champion, challenger: challenger))
            }
        }
        return jobs
    }
}
