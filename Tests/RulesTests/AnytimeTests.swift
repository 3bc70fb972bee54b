import Domain
import Rules
import TestSupport
import Testing

@Suite("Stopping on evidence")
struct AnytimeTests {
    /// A slate whose differences are those of the pairs, in random order.
    private static func slate(_ pairs: [(Int64, Int64)], _ random: inout SeededRandom) throws -> EnvironmentSlate {
        let shuffled = random.shuffled(pairs.indices.map { $0 }).map { pairs[$0] }
        return EnvironmentSlate(
            environment: try EnvironmentName("abd"), ids: pairs.indices.map { TaskID(rawValue: Int64($0)) },
            champion: ResultColumn(shuffled.map { TaskResult.scored(Score(nano: $0.0 * Score.unit)) }),
            challenger: ResultColumn(shuffled.map { TaskResult.scored(Score(nano: $0.1 * Score.unit)) }))
    }

    private static func terms(_ count: Int, margin: Int64 = 0) throws -> EnvironmentTerms {
        EnvironmentTerms(
            bounds: try Contests.bounds(0, 1), margin: Score(nano: margin), samplingCount: Int64(count))
    }

    private static func pairs(wins: Int, losses: Int, ties: Int) -> [(Int64, Int64)] {
        [(Int64, Int64)](repeating: (0, 1), count: wins) + [(Int64, Int64)](repeating: (1, 0), count: losses)
            + [(Int64, Int64)](repeating: (0, 0), count: ties)
    }

    /// The slate is at the bar exactly, so each side is wrong; by Ville's inequality seldom enough.
    @Test(
        "at the bar the evidence contradicts the slate no more often than alpha says, whatever the order",
        arguments: [
            (100_000_000 as Int64, 30, 40), (50_000_000, 10, 80), (200_000_000, 50, 0),
        ])
    func validity(alpha: Int64, differing: Int, ties: Int) throws {
        var random = SeededRandom(seed: Int(alpha / 1_000_000))
        let pairs = Self.pairs(wins: differing, losses: differing, ties: ties)
        let terms = try Self.terms(pairs.count)
        let trials = 1_500
        var (above, notAbove) = (0, 0)
        for _ in 0..<trials {
            switch try Self.slate(pairs, &random).evidence(under: terms, alphaNano: alpha) {
            case .yes: above += 1
            case .no: notAbove += 1
            case .unknown: break
            }
        }
        let most = Double(alpha) / 1e9 + 3 * (Double(alpha) / 1e9 / Double(trials)).squareRoot()
        #expect(Double(above) / Double(trials) <= most, "\(above)")
        #expect(Double(notAbove) / Double(trials) <= most, "\(notAbove)")
    }

    @Test("a clear difference shows long before the slate is done, on both sides")
    func power() throws {
        var random = SeededRandom(seed: 8)
        let terms = try Self.terms(300, margin: 30_000_000)
        for (wins, losses, expected) in [(150, 40, Trivalent.yes), (30, 90, .no)] {
            for _ in 0..<20 {
                let whole = try Self.slate(Self.pairs(wins: wins, losses: losses, ties: 300 - wins - losses), &random)
                let most = ResultColumn(whole.challenger.enumerated().map { $0 < 220 ? $1 : nil })
                let slate = EnvironmentSlate(
                    environment: whole.environment, ids: whole.ids, champion: whole.champion, challenger: most)
                #expect(slate.evidence(under: terms, alphaNano: 50_000_000) == expected)
            }
        }
    }

    @Test("what comes after a gap is no evidence: which tasks finish first is not random")
    func gap() throws {
        var random = SeededRandom(seed: 9)
        let terms = try Self.terms(100)
        let whole = try Self.slate(Self.pairs(wins: 100, losses: 0, ties: 0), &random)
        #expect(whole.evidence(under: terms, alphaNano: 50_000_000) == .yes)
        for missing in [TaskResult?.none, .infraFault] {
            let column = ResultColumn(whole.challenger.enumerated().map { $0 == 2 ? missing : $1 })
            let slate = EnvironmentSlate(
                environment: whole.environment, ids: whole.ids, champion: whole.champion, challenger: column)
            #expect(slate.evidence(under: terms, alphaNano: 50_000_000) == .unknown)
        }
    }

    @Test("a contest ends on evidence in words that say so, replays to the same, and a certain verdict counts more")
    func contest() throws {
        let rule = try Self.rule(count: 100)
        var random = SeededRandom(seed: 10)
        let whole = try Self.slate(Self.pairs(wins: 0, losses: 60, ties: 40), &random)
        func record(_ decided: Int) throws -> ContestRecord {
            let column = ResultColumn(whole.challenger.enumerated().map { $0 < decided ? $1 : nil })
            return try ContestRecord(
                window: WindowID(rawValue: 1), rule: rule, champion: Contests.identity("champion"),
                challenger: Contests.identity("challenger"),
                slates: [
                    EnvironmentSlate(
                        environment: whole.environment, ids: whole.ids, champion: whole.champion, challenger: column)
                ])
        }
        let first = try #require(try (1...100).first { try record($0).conclude(finished: false) != nil })
        let ended = try record(first)
        let verdict = try #require(ended.conclude(finished: false))
        #expect(verdict.decision == .championKeeps && first < 30)
        #expect(verdict.environments[0].reason.contains("lost on the evidence so far (\(first) of 100 tasks decided)"))
        #expect(ended.decide() == verdict && ended.pivotalTasks() == nil)
        #expect(try record(100).decide().environments[0].reason.contains("lost by"))
    }

    @Test("a rule says how much evidence it needs, and where it can't stop on it")
    func documents() throws {
        let rule = try Self.rule(count: 10)
        #expect(try RuleDocument(parsing: rule.canonical) == rule && rule.canonical.contains(#""alpha_nano":50000000"#))
        #expect(rule.prose.contains("a chance of at most 0.05") && !rule.needsOnlySums)
        let text = rule.canonical
        for (old, new, message) in [
            (#""alpha_nano":50000000,"#, "", "alpha_nano 'absent' is not valid"),
            ("anytime", "exact", "alpha_nano '50000000' is not valid: expected none unless stopping is anytime"),
            (#""hi_nano""#, #""critical_micro":1000000,"hi_nano""#, "stopping 'anytime' is not valid"),
            (":50000000,", ":999999999,", "alpha_nano '999999999' is not valid"),
        ] {
            let error = #expect(throws: InvalidValue.self) { try RuleDocument(parsing: text.replacing(old, with: new)) }
            #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
        }
    }

    private static func rule(count: Int) throws -> RuleDocument {
        try RuleDocument(
            kind: StrictMargin(),
            environments: [RuleEnvironment(name: try EnvironmentName("abd"), terms: try terms(count))],
            stopping: .anytime, alphaNano: 50_000_000)
    }
}
