import Domain
import Rules
import TestSupport
import Testing

@Suite("Contests that allow for scores which turn out to be void")
struct VoidAllowanceTests {
    @Test(
        "a contest stops early exactly when no missing score, and no void one, could turn its verdict",
        arguments: 0..<20
    )
    func stopsWhenNothingCanTurnIt(seed: Int) throws {
        var random = SeededRandom(seed: 4_000 + seed)
        var (early, later) = (0, 0)
        for _ in 0..<25 {
            let plain = try Contests.rule(&random)
            let rule = try Self.rule(plain, allowance: Int64(random.int(1...2)))
            var tasks = Contests.completeTasks(&random, under: rule)
            let results = tasks.map(\.challenger)
            tasks = tasks.map { $0.with(challenger: nil) }
            for index in random.shuffled(Array(tasks.indices)).dropLast() {
                tasks[index] = tasks[index].with(challenger: results[index])
                let stopped = try Contests.record(tasks, under: rule).conclude(finished: false)
                let robust = try Self.possibleVerdicts(tasks, under: rule).count == 1
                #expect((stopped != nil) == robust)
                let atOnce = try Contests.record(tasks, under: plain).conclude(finished: false)
                #expect(stopped == nil || stopped == atOnce)
                early += stopped == nil ? 0 : 1
                later += atOnce != nil && stopped == nil ? 1 : 0
            }
            let whole = try Contests.record(zip(tasks, results).map { $0.with(challenger: $1) }, under: rule)
            #expect(whole.conclude(finished: false)?.decision == (Paper.dethrones(whole) ? .dethroned : .championKeeps))
        }
        #expect(early > 0 && later > 0)
    }

    @Test("from sums alone a contest never stops before it would with the scores", arguments: 0..<10)
    func sumsAreMoreCareful(seed: Int) throws {
        var random = SeededRandom(seed: 5_000 + seed)
        for _ in 0..<50 {
            let rule = try Self.rule(Contests.rule(&random), allowance: 1)
            let tasks = Contests.completeTasks(&random, under: rule).map {
                random.chance(40) ? $0.with(challenger: nil) : $0
            }
            let record = try Contests.record(tasks, under: rule)
            guard let verdict = try rule.conclude(record.tallies, finished: false) else { continue }
            #expect(record.conclude(finished: false) == verdict)
        }
    }

    @Test("only exact stopping has use for an allowance, and it is part of the rule's digest")
    func documents() throws {
        let text =
            #"{"environments":{"abd":{"cluster_span":10,"critical_micro":1650000,"hi_nano":1000000000,"lo_nano":0,"#
            + #""margin_nano":30000000,"sampling_count":300}},"kind":"strict_margin","stopping":"exact","void_allowance":2}"#
        let rule = try RuleDocument(parsing: text)
        #expect(rule.canonical == text && rule.voidAllowance == 2 && !rule.needsOnlySums)
        #expect(rule.prose.contains("even if 2 of the challenger's scores in each environment were void"))
        #expect(rule.prose.contains("1.65 standard errors below it, with tasks clustered by spans of 10 ids"))
        let defaults = text.replacing(#""void_allowance":2"#, with: #""void_allowance":0"#)
        #expect(try !RuleDocument(parsing: defaults).canonical.contains("void_allowance"))
        let refused = [
            (
                #""exact""#, #""full""#,
                "void_allowance '2' is not valid: expected 0 to 1000, and 0 unless stopping is exact"
            ),
            (#":1650000"#, ":0", "environments.abd.critical_micro '0' is not valid"),
            (#":10,"#, ":0,", "environments.abd.cluster_span '0' is not valid"),
            (#":300}"#, ":70000}", "environments.abd.sampling_count '70000' is not valid"),
            (#":300}"#, ":1}", "environments.abd.sampling_count '1' is not valid"),
        ]
        for (old, new, message) in refused {
            let error = #expect(throws: InvalidValue.self) { try RuleDocument(parsing: text.replacing(old, with: new)) }
            #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
        }
    }

    private static func rule(_ plain: RuleDocument, allowance: Int64) throws -> RuleDocument {
        try RuleDocument(
            kind: plain.kind, environments: plain.environments, stopping: .exact, voidAllowance: allowance)
    }

    /// The verdicts on paper when up to the allowed number of results in each environment is taken away, whichever they
    /// are, and then everything missing is the best, or the worst, that there can be.
    private static func possibleVerdicts(_ tasks: [SlateTask], under rule: RuleDocument) throws -> Set<Bool> {
        var verdicts: Set<Bool> = []
        for isBest in [false, true] {
            // Environments are independent: each is brought to its extreme by the choice that moves its sum most.
            let chosen = try rule.environments.flatMap { environment in
                let bounds = environment.terms.bounds
                let slate = tasks.filter { $0.environment == environment.name }
                let choices = choices(slate.indices.filter { slate[$0].challenger != nil }, Int(rule.voidAllowance))
                let completed = choices.map { void in
                    slate.enumerated().map { index, task in
                        task.challenger == nil || void.contains(index)
                            ? task.with(challenger: .scored(isBest ? bounds.hi : bounds.lo)) : task
                    }
                }
                let sum = { (tasks: [SlateTask]) in
                    tasks.reduce(Int128(0)) { $0 + Int128(($1.challenger?.score ?? bounds.lo).nano) }
                }
                return try #require(completed.max { isBest ? sum($0) < sum($1) : sum($0) > sum($1) })
            }
            verdicts.insert(Paper.dethrones(try Contests.record(chosen, under: rule)))
        }
        return verdicts
    }

    /// Every set of up to `count` of the numbers.
    private static func choices(_ numbers: [Int], _ count: Int) -> [Set<Int>] {
        guard count > 0, let first = numbers.first else { return [[]] }
        let rest = Array(numbers.dropFirst())
        return choices(rest, count) + choices(rest, count - 1).map { $0.union([first]) }
    }
}
