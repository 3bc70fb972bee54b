import Domain
import Rules
import TestSupport
import Testing

@Suite("Contests under another rule")
struct HypothesisTests {
    @Test("the short way over the sums decides as a record made anew does", arguments: 0..<40)
    func sameAsRecord(seed: Int) throws {
        var random = SeededRandom(seed: 8_000 + seed)
        let rule = try Contests.rule(&random)
        let record = try Contests.record(Contests.completeTasks(&random, under: rule), under: rule)
        let span = rule.environments.map { $0.terms.bounds.hi.nano - $0.terms.bounds.lo.nano }.min() ?? 0
        for share in [0, 3, 7] {
            let hypothesis = Hypothesis(margin: Score(nano: span / 8 * Int64(share)))
            let other = try hypothesis.rule(insteadOf: rule)
            #expect(other.environments.map(\.name) == rule.environments.map(\.name))
            let verdict = try record.decide(under: other)
            #expect(try verdict == record.under(other).decide())
            #expect(try (verdict.decision == .dethroned) == Paper.dethrones(record.under(other)))
        }
        #expect(try record.decide(under: Hypothesis().rule(insteadOf: rule)) == record.decide())
    }

    @Test("a dropped task leaves the slate on both sides, and the rest is decided by itself", arguments: 0..<40)
    func dropping(seed: Int) throws {
        var random = SeededRandom(seed: 9_000 + seed)
        let rule = try Contests.rule(&random)
        let record = try Contests.record(Contests.completeTasks(&random, under: rule), under: rule)
        let dropped = record.tasks.filter { _ in random.chance(20) }
        let sets = Dictionary(grouping: dropped, by: \.environment).mapValues { Set($0.map(\.task)) }
        let isEmptied = record.slates.contains { sets[$0.environment]?.count == $0.count }
        guard !isEmptied else {
            #expect(throws: InvalidValue.self) { try record.dropping(sets) }
            return
        }
        let rest = try record.dropping(sets)
        #expect(
            rest.tasks.map(\.task)
                == record.tasks.filter { !(sets[$0.environment]?.contains($0.task) ?? false) }.map(\.task))
        #expect((rest.decide().decision == .dethroned) == Paper.dethrones(rest))
    }

    @Test("a margin for an environment that the rule does not name is refused")
    func unknownEnvironment() throws {
        var random = SeededRandom(seed: 1)
        let rule = try Contests.rule(&random)
        let hypothesis = Hypothesis(margins: [try EnvironmentName("nowhere"): .zero])
        let error = #expect(throws: InvalidValue.self) { try hypothesis.rule(insteadOf: rule) }
        #expect(error?.value == "nowhere")
    }
}
