import Domain
import Rules
import TestSupport
import Testing

@Suite("Pivotal tasks")
struct PivotalTaskTests {
    @Test(
        "no smaller set of scores turns a verdict: every subset of small slates, both kinds of rule", arguments: 0..<20)
    func noSmallerSetTurnsTheVerdict(seed: Int) throws {
        var random = SeededRandom(seed: 7_000 + seed)
        var turned = 0
        for _ in 0..<30 {
            let rule = try Self.smallRule(&random)
            let record = try Contests.record(Contests.completeTasks(&random, under: rule), under: rule)
            let pivotal = record.pivotalTasks()
            #expect(pivotal?.changes.count == Self.bruteForce(record), "\(rule.canonical)")
            guard let pivotal else { continue }
            turned += 1
            #expect(try Self.applied(pivotal, to: record).decide().decision == pivotal.decision)
            #expect(pivotal.decision != record.decide().decision)
        }
        #expect(turned > 0)
    }

    @Test("nor does any other choice of scores, between the bounds or at them, up and down at once", arguments: 0..<20)
    func noOtherScoresTurnTheVerdict(seed: Int) throws {
        var random = SeededRandom(seed: 7_500 + seed)
        for _ in 0..<3 {
            let rule = try Self.smallRule(&random, tasks: 4)
            let record = try Contests.record(Contests.completeTasks(&random, under: rule), under: rule)
            let verdict = record.decide().decision
            var fewest: Int?
            // Every assignment of the five grid scores to every task.
            for code in 0..<pow5[record.tasks.count] {
                let tasks = record.tasks.enumerated().map { index, task in
                    Self.grid(task, code / pow5[index] % 5, under: rule)
                }
                let changed = zip(tasks, record.tasks).count { Self.counted($0, rule) != Self.counted($1, rule) }
                guard changed < fewest ?? .max else { continue }
                if try Contests.record(tasks, under: rule).decide().decision != verdict { fewest = changed }
            }
            #expect(record.pivotalTasks()?.changes.count == fewest, "\(rule.canonical)")
        }
    }

    @Test("the same for contests that stopped early: a verdict falls once it is no longer certain", arguments: 0..<20)
    func unknownTasksStayUnknown(seed: Int) throws {
        var random = SeededRandom(seed: 8_000 + seed)
        for _ in 0..<30 {
            let rule = try Self.smallRule(&random)
            let tasks = Contests.completeTasks(&random, under: rule).map { task in
                random.chance(30) ? task.with(challenger: random.pick([nil, .infraFault])) : task
            }
            let record = try Contests.record(tasks, under: rule)
            let pivotal = record.pivotalTasks()
            #expect(pivotal?.changes.count == Self.bruteForce(record), "\(rule.canonical)")
            guard let pivotal else { continue }
            #expect(try Self.applied(pivotal, to: record).decide().decision == pivotal.decision)
        }
    }

    @Test("one environment's bar hangs on the fewest scores of its own", arguments: 0..<20)
    func oneEnvironment(seed: Int) throws {
        var random = SeededRandom(seed: 9_000 + seed)
        for _ in 0..<30 {
            let rule = try Self.smallRule(&random)
            let record = try Contests.record(Contests.completeTasks(&random, under: rule), under: rule)
            for environment in rule.environments {
                let terms = EnvironmentTerms(
                    bounds: environment.terms.bounds, margin: environment.terms.margin,
                    samplingCount: environment.terms.samplingCount)
                let alone = try record.under(
                    RuleDocument(
                        kind: StrictMargin(), environments: [RuleEnvironment(name: environment.name, terms: terms)],
                        stopping: .exact))
                let pivotal = record.pivotalTasks(in: environment.name)
                #expect(pivotal?.changes == alone.pivotalTasks()?.changes)
                #expect(pivotal?.changes.count == Self.bruteForce(alone))
            }
        }
        let record = try Self.record(champion: [0], challenger: [1], margin: 0)
        #expect(try record.pivotalTasks(in: EnvironmentName("other")) == nil)
    }

    @Test("the largest changes are named first, ties in slate order, and the order of rows does not matter")
    func orderIsFixed() throws {
        // Slack to the bar: 2.5 − 0.5 = 2 above; a tie keeps the champion, so a fall by 2 exactly is enough.
        let record = try Self.record(champion: [0, 500, 0, 0], challenger: [500, 1_000, 500, 1_000], margin: 125)
        let pivotal = try #require(record.pivotalTasks())
        #expect(record.decide().environments.map(\.lowestSlack.nano) == [2_000_000_000])
        #expect(pivotal.changes.map(\.position) == [1, 3])
        #expect(pivotal.changes.allSatisfy { $0.score == .one && $0.changed == .zero })
        #expect(pivotal.decision == .championKeeps)
        let shuffled = try Contests.record(Array(record.tasks.reversed()), under: record.rule)
        #expect(shuffled.pivotalTasks() == pivotal)
    }

    @Test("a bar that is out of everyone's reach has no pivotal tasks")
    func outOfReach() throws {
        let record = try Self.record(champion: [1_000, 1_000], challenger: [0, 1_000], margin: 0)
        #expect(record.pivotalTasks() == nil)
    }

    @Test("binary scores: a lead of two tasks over the bar takes two changed scores, and a tie one")
    func binarySlack() throws {
        let won = try Self.record(champion: [0, 0, 0, 1_000], challenger: [1_000, 1_000, 0, 1_000], margin: 0)
        #expect(won.pivotalTasks()?.changes.count == 2)
        let tied = try Self.record(champion: [0, 1_000, 0], challenger: [1_000, 0, 0], margin: 0)
        #expect(tied.pivotalTasks()?.changes.map(\.position) == [1])
        #expect(tied.pivotalTasks()?.decision == .dethroned)
    }

    /// Few enough tasks to try every subset.
    private static func smallRule(_ random: inout SeededRandom, tasks: Int64 = 11) throws -> RuleDocument {
        while true {
            let rule = try Contests.rule(&random)
            if rule.environments.reduce(0, { $0 + $1.terms.samplingCount }) <= tasks { return rule }
        }
    }

    private let pow5 = [1, 5, 25, 125, 625]

    private static func grid(_ task: SlateTask, _ step: Int, under rule: RuleDocument) -> SlateTask {
        guard let bounds = rule.terms(of: task.environment)?.bounds else { return task }
        let size = (bounds.hi.nano - bounds.lo.nano) / 4
        return task.with(challenger: .scored(Score(nano: bounds.lo.nano + Int64(step) * size)))
    }

    private static func counted(_ task: SlateTask, _ rule: RuleDocument) -> EnvironmentTally.ChallengerTask? {
        (rule.terms(of: task.environment)?.bounds).map(task.challenge)
    }

    /// Tries every subset of the decided tasks, each of its scores at either bound of the rule, and asks the engine.
    private static func bruteForce(_ record: ContestRecord) -> Int? {
        let verdict = record.decide().decision
        let free = record.tasks.indices.filter { index in
            record.tasks[index].challenger.map { $0.kind != .missing } ?? false
        }
        let subsets = (1..<(1 << free.count)).sorted { ($0.nonzeroBitCount, $0) < ($1.nonzeroBitCount, $1) }
        for subset in subsets {
            for isUpwards in [true, false] {
                let chosen = free.indices.filter { subset >> $0 & 1 == 1 }.map { free[$0] }
                guard let changed = try? moved(record, chosen, isUpwards: isUpwards) else { continue }
                if changed.decide().decision != verdict { return subset.nonzeroBitCount }
            }
        }
        return nil
    }

    private static func moved(_ record: ContestRecord, _ chosen: [Int], isUpwards: Bool) throws -> ContestRecord {
        var tasks = record.tasks
        for index in chosen {
            guard let bounds = record.rule.terms(of: tasks[index].environment)?.bounds else { continue }
            tasks[index] = tasks[index].with(challenger: .scored(isUpwards ? bounds.hi : bounds.lo))
        }
        return try Contests.record(tasks, under: record.rule)
    }

    private static func applied(_ pivotal: PivotalTasks, to record: ContestRecord) throws -> ContestRecord {
        let tasks = record.tasks.map { task in
            let change = pivotal.changes.first { $0.environment == task.environment && $0.position == task.position }
            return change.map { task.with(challenger: .scored($0.changed)) } ?? task
        }
        return try Contests.record(tasks, under: record.rule)
    }

    /// One environment with bounds 0 and 1; scores and margin in thousandths.
    private static func record(champion: [Int64], challenger: [Int64], margin: Int64) throws -> ContestRecord {
        let terms = EnvironmentTerms(
            bounds: try Contests.bounds(0, 1), margin: Score(nano: margin * 1_000_000),
            samplingCount: Int64(champion.count))
        let abd = try EnvironmentName("abd")
        let rule = try RuleDocument(
            kind: StrictMargin(), environments: [RuleEnvironment(name: abd, terms: terms)], stopping: .exact)
        let tasks = zip(champion, challenger).enumerated().map { position, scores in
            SlateTask(
                environment: abd, position: position, task: TaskID(rawValue: Int64(position)),
                champion: .scored(Score(nano: scores.0 * 1_000_000)),
                challenger: .scored(Score(nano: scores.1 * 1_000_000)))
        }
        return try Contests.record(tasks, under: rule)
    }
}
