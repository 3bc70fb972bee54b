import Domain
import Rules
import Statistics

/// What one row of the table is about.
struct CurtailmentSetting: Sendable {
    var environments: Int
    var tasks: Int
    /// Between two runs of one model on the same task.
    var correlation: Double
    /// By how much the challenger is better on average.
    var gain: Double
    /// One environment after another, or all side by side; within each what the champion failed comes first.
    var isSerial: Bool

    static func all(tasks: Int) -> [CurtailmentSetting] {
        var settings: [CurtailmentSetting] = []
        for environments in [4, 6] {
            for correlation in [0.5, 0.8] {
                for gain in [-0.2, -0.1, 0, 0.05, 0.1] {
                    for isSerial in [true, false] {
                        settings.append(
                            CurtailmentSetting(
                                environments: environments, tasks: tasks, correlation: correlation, gain: gain,
                                isSerial: isSerial))
                    }
                }
            }
        }
        return settings
    }

    func rule() throws -> RuleDocument {
        let terms = EnvironmentTerms(
            bounds: .zeroToOne, margin: Score(nano: 3 * Score.unit / 100), samplingCount: Int64(tasks))
        return try RuleDocument(
            kind: StrictMargin(),
            environments: (1...environments).map {
                RuleEnvironment(name: try EnvironmentName("environment-\($0)"), terms: terms)
            }, stopping: .exact)
    }
}

struct CurtailmentRow: Encodable, Sendable {
    let environments: Int
    let tasks: Int
    let correlation: Double
    let gain: Double
    let order: String
    let contests: Int
    let savedFraction: Double
    let wonFraction: Double
    let verdictChanges: Int

    enum CodingKeys: String, CodingKey {
        case environments, tasks, correlation, gain, order, contests
        case savedFraction = "saved_fraction"
        case wonFraction = "won_fraction"
        case verdictChanges = "verdict_changes"
    }

    static func simulate(_ setting: CurtailmentSetting, contests: Int, seed: UInt64) async throws -> CurtailmentRow {
        let rule = try setting.rule()
        let outcomes = try await inParallel(contests) { contest in
            var chance = Chance("curtail \(seed) \(setting.correlation) \(setting.gain) \(contest)")
            return try SimulatedContest(setting, &chance).outcome(under: rule)
        }
        let jobs = contests * setting.environments * setting.tasks
        return CurtailmentRow(
            environments: setting.environments, tasks: setting.tasks, correlation: setting.correlation,
            gain: setting.gain, order: setting.isSerial ? "serial" : "parallel", contests: contests,
            savedFraction: 1 - Double(outcomes.reduce(0) { $0 + $1.run }) / Double(jobs),
            wonFraction: Double(outcomes.count(where: \.isWon)) / Double(contests),
            verdictChanges: outcomes.count(where: \.isChanged))
    }

    var line: [String] {
        [
            "\(environments)", "\(tasks)", "\(correlation)", "\(gain)", order, Self.percent(1 - savedFraction),
            Self.percent(savedFraction), Self.percent(wonFraction), "\(verdictChanges)",
        ]
    }

    private static func percent(_ share: Double) -> String {
        "\((share * 1_000).rounded() / 10) %"
    }
}

/// Both models' scores on every task, and the order in which the challenger runs them.
private struct SimulatedContest {
    private let names: [EnvironmentName]
    private let champion: [[Score]]
    private let challenger: [[Score]]
    private let order: [(environment: Int, task: Int)]

    init(_ setting: CurtailmentSetting, _ chance: inout Chance) throws {
        var champion: [[Score]] = []
        var challenger: [[Score]] = []
        for _ in 0..<setting.environments {
            var pairs: [(Score, Score)] = []
            for _ in 0..<setting.tasks { pairs.append(Self.pair(setting, &chance)) }
            champion.append(pairs.map(\.0))
            challenger.append(pairs.map(\.1))
        }
        self.champion = champion
        self.challenger = challenger
        names = try setting.rule().environments.map(\.name)
        order = Self.order(champion, isSerial: setting.isSerial)
    }

    /// With difficulties p of a beta distribution with both parameters (1/ρ − 1)/2, two runs have mean 1/2 and
    /// correlation ρ. A gain then turns failures of the challenger into successes, a loss successes into failures, each
    /// with the probability that moves its mean by the gain.
    private static func pair(_ setting: CurtailmentSetting, _ chance: inout Chance) -> (Score, Score) {
        let difficulty = chance.beta((1 / setting.correlation - 1) / 2)
        let (champion, copy) = (chance.happens(difficulty), chance.happens(difficulty))
        let isMoved = chance.happens(abs(setting.gain) / 0.5)
        let challenger = setting.gain >= 0 ? copy || isMoved : copy && !isMoved
        return (champion ? .one : .zero, challenger ? .one : .zero)
    }

    private static func order(_ champion: [[Score]], isSerial: Bool) -> [(environment: Int, task: Int)] {
        let orders = champion.map { TaskOrder.challenger(baseline: $0) }
        let turns = TaskOrder.turns(
            of: champion.map { Refutation(baseline: $0, hi: .one, margin: Score(nano: 3 * Score.unit / 100), cost: 1) })
        let jobs = orders.enumerated().flatMap { environment, tasks in
            tasks.enumerated().map { place, task in
                (environment: environment, task: task, turn: isSerial ? turns[environment] : 0, place: place)
            }
        }
        return jobs.sorted { ($0.turn, $0.place, $0.environment) < ($1.turn, $1.place, $1.environment) }
            .map { ($0.environment, $0.task) }
    }

    /// Runs the contest to its end, and notes when it could have stopped.
    func outcome(under rule: RuleDocument) throws -> (run: Int, isWon: Bool, isChanged: Bool) {
        var tallies = zip(names, champion).map { name, scores in
            (name: name, sum: scores.reduce(ScoreSum.zero) { $0 + $1 }, decided: Int64(0), won: ScoreSum.zero)
        }
        func conclude() throws -> Verdict.Decision? {
            let known = tallies.map { tally in
                (
                    tally.name,
                    EnvironmentTally(
                        tasks: Int64(champion[0].count), championSum: tally.sum, decided: tally.decided,
                        challengerSum: tally.won)
                )
            }
            return try rule.conclude(Dictionary(uniqueKeysWithValues: known), finished: false)?.decision
        }
        var early: (run: Int, decision: Verdict.Decision)?
        for (run, job) in order.enumerated() {
            tallies[job.environment].decided += 1
            tallies[job.environment].won = tallies[job.environment].won + challenger[job.environment][job.task]
            if early == nil, let decision = try conclude() { early = (run + 1, decision) }
        }
        let final = try conclude()
        return (early?.run ?? order.count, final == .dethroned, early?.decision != final)
    }
}
