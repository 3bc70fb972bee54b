import Digest
import Domain
import FoundationEssentials
import Rules
import TestSupport
import Testing

@Suite("Contest records and digests")
struct DigestTests {
    @Test("rows in any order give the same record, verdict and digests", arguments: 0..<20)
    func arrivalOrderDoesNotMatter(seed: Int) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<10 {
            let rule = try Contests.rule(&random)
            let tasks = Contests.completeTasks(&random, under: rule)
            let (one, other) = (
                try Contests.record(tasks, under: rule), try Contests.record(random.shuffled(tasks), under: rule)
            )
            #expect(one == other)
            #expect(one.outcomeDigest == other.outcomeDigest && one.evidenceDigest == other.evidenceDigest)
        }
    }

    @Test(
        "reducers that start over and tally in parts come to the same sums, verdict and outcome digest",
        arguments: 0..<100)
    func partitionDoesNotMatter(seed: Int) throws {
        var random = SeededRandom(seed: 20_000 + seed)
        for _ in 0..<100 {
            let rule = try Contests.rule(&random, stopping: random.chance(50) ? .exact : .full)
            let tasks = Contests.completeTasks(&random, under: rule)
            let full = try Contests.record(tasks, under: rule)
            // A reducer that crashed half way begins again from the rows there are by then, in another order.
            var parts: [[EnvironmentName: EnvironmentTally]] = [[:], [:], [:]]
            for task in random.shuffled(tasks) {
                let bounds = try #require(rule.terms(of: task.environment)?.bounds)
                parts[random.int(0...2)][task.environment, default: EnvironmentTally()].add(
                    champion: task.baseline(within: bounds), challenger: task.challenge(within: bounds))
            }
            var merged = parts[2]
            for (name, tally) in parts[0].merging(parts[1], uniquingKeysWith: Self.sum) {
                merged[name] = merged[name].map { Self.sum($0, tally) } ?? tally
            }
            #expect(merged == full.tallies)
            #expect(try rule.conclude(merged, finished: true) == full.decide())
            let again = try Contests.record(random.shuffled(tasks), under: rule)
            #expect(again.digests() == full.digests())
        }
    }

    private static func sum(_ left: EnvironmentTally, _ right: EnvironmentTally) -> EnvironmentTally {
        var sum = left
        sum.merge(right)
        return sum
    }

    @Test("a curtailed contest has the outcome digest of the full run", arguments: 0..<20)
    func curtailmentKeepsTheOutcome(seed: Int) throws {
        var random = SeededRandom(seed: 500 + seed)
        var curtailed = 0
        for _ in 0..<25 {
            let rule = try Contests.rule(&random)
            let tasks = Contests.completeTasks(&random, under: rule)
            let full = try Contests.record(tasks, under: rule)
            var partial = tasks.map { $0.with(challenger: nil) }
            for index in random.shuffled(Array(tasks.indices)) {
                let record = try Contests.record(partial, under: rule)
                if let verdict = try rule.conclude(record.tallies, finished: false) {
                    #expect(record.decide() == verdict)
                    #expect(record.outcomeDigest == full.outcomeDigest)
                    #expect(record.evidenceDigest != full.evidenceDigest)
                    curtailed += 1
                    break
                }
                partial[index] = tasks[index]
            }
        }
        #expect(curtailed > 0)
    }

    @Test("which fault of nobody's kept a task from a score changes neither verdict nor digests")
    func nobodysFaultsAreAlike() throws {
        let rule = try CurtailmentTests.strict(margin: "0", count: 1)
        let missing: [TaskResult?] = [nil, .infraFault, .environmentFault, .cancelled]
        let records = try missing.map { try Contests.record([Self.task(challenger: $0)], under: rule) }
        #expect(Set(records.map(\.evidenceDigest)).count == 1)
        #expect(records.allSatisfy { $0.decide().decision == .void })
        let fault = try Contests.record([Self.task(challenger: .modelFault)], under: rule)
        #expect(fault.decide().decision == .championKeeps)
    }

    @Test("one changed score, task, order, identity or rule changes the digests")
    func everyPartMatters() throws {
        let tasks = try Self.exampleTasks()
        let rule = try CurtailmentTests.strict(margin: "0.03", count: 3)
        let record = try Contests.record(tasks, under: rule)
        let half = TaskResult.scored(Score(nano: 500_000_000))
        let variants: [ContestRecord] = [
            try Contests.record(Self.changing(tasks, at: 0, champion: .scored(Score(nano: 550_000_001))), under: rule),
            try Contests.record(Self.changing(tasks, at: 2, champion: .scored(.zero)), under: rule),
            try Contests.record(Self.changing(tasks, at: 1, task: 43), under: rule),
            try Contests.record(
                Self.changing(Self.changing(tasks, at: 0, position: 1), at: 1, position: 0), under: rule),
            try Contests.record(tasks, under: CurtailmentTests.strict(margin: "0.04", count: 3)),
            try ContestRecord(
                window: record.window, rule: rule, champion: Contests.identity("champion", revision: "b"),
                challenger: record.challenger, tasks: tasks),
            try ContestRecord(
                window: record.window, rule: rule, champion: record.challenger, challenger: record.champion,
                tasks: tasks),
        ]
        let outcomes = Set(variants.map(\.outcomeDigest) + [record.outcomeDigest])
        #expect(outcomes.count == variants.count + 1)
        #expect(Set(variants.map(\.evidenceDigest) + [record.evidenceDigest]).count == variants.count + 1)
        let other = try Contests.record(Self.changing(tasks, at: 0, challenger: half), under: rule)
        #expect(other.decide().decision == record.decide().decision)
        #expect(other.outcomeDigest == record.outcomeDigest && other.evidenceDigest != record.evidenceDigest)
    }

    @Test("the bytes are those that docs/digests.md shows")
    func bytesAreDocumented() throws {
        let record = try Contests.record(Self.exampleTasks(), under: CurtailmentTests.strict(margin: "0.03", count: 3))
        let revision = String(repeating: "a", count: 40)
        let outcome = """
            affine/outcome/1
            rule \(record.rule.digest)
            champion \(Contests.hotkey) miner/champion \(revision)
            challenger \(Contests.hotkey) miner/challenger \(revision)
            environment abd 3
            task 17 scored 550000000
            task 42 model_fault 0
            task 5 missing 0
            verdict dethroned

            """
        #expect(record.outcomeText == outcome)
        #expect(record.rule.digest.hex == "80ebc773df03355d0c375c5d31bd5c11236348894443f857ad833ea205d53bc2")
        #expect(record.outcomeDigest.hex == "c0e008fbda9c88bb16257595478b5184b8fc94c24d68fc98df135c78f79e2610")
        let evidence = """
            affine/evidence/1
            outcome \(record.outcomeDigest.hex)
            environment abd 3
            task 17 scored 620000000
            task 42 model_fault 0
            task 5 scored 300000000

            """
        #expect(record.evidenceText == evidence)
        #expect(record.evidenceDigest.hex == "b788975ec861488ccf43564ca399b92ebf225a5438c6dfc6c14f6e8995c06100")
    }

    @Test("a record survives being stored, and replays to the same bits", arguments: 0..<10)
    func recordIsCodable(seed: Int) throws {
        var random = SeededRandom(seed: 900 + seed)
        let rule = try Contests.rule(&random)
        let record = try Contests.record(Contests.completeTasks(&random, under: rule), under: rule)
        let stored = try JSONEncoder().encode(record)
        let read = try JSONDecoder().decode(ContestRecord.self, from: stored)
        #expect(read == record && read.evidenceDigest == record.evidenceDigest && read.decide() == record.decide())
    }

    @Test("an identity that could forge a line of a digest cannot be read")
    func forgedIdentityIsRefused() throws {
        let json =
            #"{"hotkey":"\#(Contests.hotkey)","model":"miner/a\nverdict dethroned@\#(String(repeating: "a", count: 40))"}"#
        #expect(throws: InvalidValue.self) { try JSONDecoder().decode(ContestIdentity.self, from: Data(json.utf8)) }
    }

    @Test("a record that is not a slate of its rule is refused")
    func brokenRecordsAreRefused() throws {
        let tasks = try Self.exampleTasks()
        let rule = try CurtailmentTests.strict(margin: "0", count: 3)
        let stray = SlateTask(
            environment: try EnvironmentName("ded"), position: 0, task: TaskID(rawValue: 1), champion: .modelFault)
        let broken = [
            Array(tasks.dropLast()), tasks + [stray], Self.changing(tasks, at: 1, task: 17),
            Self.changing(tasks, at: 1, position: 0),
            Self.changing(tasks, at: 0, challenger: .scored(Score(nano: 1_000_000_001))),
        ]
        for tasks in broken {
            #expect(throws: InvalidValue.self) { try Contests.record(tasks, under: rule) }
        }
    }

    @Test("a result has a score when it is scored, and only then")
    func resultsAreConsistent() throws {
        #expect(TaskResult(outcome: .scored, score: nil) == nil)
        #expect(TaskResult(outcome: .modelFault, score: .zero) == nil)
        #expect(TaskResult(outcome: .infraFault, score: nil) == .infraFault)
        let stored = Data(#"{"outcome":"model_fault","score_nano":1}"#.utf8)
        #expect(throws: InvalidValue.self) { try JSONDecoder().decode(TaskResult.self, from: stored) }
    }

    @Test("history can be decided again under another rule, on the start of each slate")
    func anotherRule() throws {
        let record = try Contests.record(Self.exampleTasks(), under: CurtailmentTests.strict(margin: "0.03", count: 3))
        let shorter = try record.under(CurtailmentTests.strict(margin: "0.07", count: 1))
        #expect(shorter.tasks.map(\.task.rawValue) == [17])
        #expect(shorter.decide().decision == .championKeeps)
        #expect(throws: InvalidValue.self) { try record.under(CurtailmentTests.strict(margin: "0", count: 4)) }
    }

    @Test("the challenger begins where the champion failed, then with what took longest, then follows the slate")
    func tasksTheChampionFailedComeFirst() {
        let baseline = [1, 0, 1, 0, 5, 0].map { Score(nano: $0) }
        #expect(TaskOrder.challenger(baseline: baseline) == [1, 3, 5, 0, 2, 4])
        #expect(TaskOrder.challenger(baseline: baseline, durations: [7, 2, 9, 2, 1, 3]) == [5, 1, 3, 2, 0, 4])
        #expect(TaskOrder.challenger(baseline: []) == [])
    }

    private static func task(challenger: TaskResult?) throws -> SlateTask {
        SlateTask(
            environment: try EnvironmentName("abd"), position: 0, task: TaskID(rawValue: 1),
            champion: .scored(Score(nano: 500_000_000)), challenger: challenger)
    }

    private static func exampleTasks() throws -> [SlateTask] {
        let abd = try EnvironmentName("abd")
        let results: [(TaskResult, TaskResult)] = [
            (.scored(Score(nano: 550_000_000)), .scored(Score(nano: 620_000_000))), (.modelFault, .modelFault),
            (.infraFault, .scored(Score(nano: 300_000_000))),
        ]
        return zip([17, 42, 5], results).enumerated().map { position, row in
            SlateTask(
                environment: abd, position: position, task: TaskID(rawValue: row.0), champion: row.1.0,
                challenger: row.1.1)
        }
    }

    private static func changing(
        _ tasks: [SlateTask], at index: Int, position: Int? = nil, task: Int64? = nil, champion: TaskResult? = nil,
        challenger: TaskResult? = nil
    ) -> [SlateTask] {
        var tasks = tasks
        let old = tasks[index]
        tasks[index] = SlateTask(
            environment: old.environment, position: position ?? old.position,
            task: task.map { TaskID(rawValue: $0) } ?? old.task,
            champion: champion ?? old.champion, challenger: challenger ?? old.challenger)
        return tasks
    }
}
