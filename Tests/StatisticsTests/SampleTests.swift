import Domain
import Rules
import Statistics
import Testing

@Suite("Paired samples")
struct SampleTests {
    @Test("means, spreads, t and clustered intervals are SciPy's, on 1,000 random samples")
    func intervals() async throws {
        var random = SeededGenerator(seed: 21)
        var questions: [(line: String, values: [Double])] = []
        for _ in 0..<1_000 {
            let level = random.chance(0.5) ? 0.95 : random.number(0.5...0.999)
            let count = random.int(3...120)
            let pairs = random.pairs(count: count, isBinary: random.chance(0.5), clusters: random.int(0...12))
            let sample = try PairedSample(pairs)
            guard sample.clusters >= 2 else { continue }
            let (plain, clustered) = (try sample.interval(level: level), try sample.clusterInterval(level: level))
            questions.append(
                (
                    "sample \(level) \(pairs.line)",
                    [
                        sample.meanDifference, sample.standardDeviation, plain.lower, plain.upper,
                        try sample.lowerBound(level: level), Double(sample.clusters), sample.clusterRobustError,
                        clustered.lower, clustered.upper,
                    ]
                ))
        }
        try await Reference.expect(questions)
    }

    @Test("wins, losses and McNemar's exact and mid-p values are SciPy's")
    func mcNemar() async throws {
        var random = SeededGenerator(seed: 22)
        var questions: [(line: String, values: [Double])] = []
        for _ in 0..<1_000 {
            let (wins, losses) = (random.int(0...60), random.chance(0.9) ? random.int(0...60) : random.int(0...3_000))
            let counts = WinsAndLosses(wins: wins, losses: losses, ties: random.int(0...9))
            #expect(counts.exactP == WinsAndLosses(wins: losses, losses: wins, ties: 0).exactP)
            questions.append(("mcnemar \(wins) \(losses)", [counts.exactP, counts.midP]))
        }
        try await Reference.expect(questions)
        let sample = try PairedSample(random.pairs(count: 200, isBinary: true))
        let counts = sample.winsAndLosses
        #expect(counts.wins + counts.losses + counts.ties == 200)
        #expect(Double(counts.wins - counts.losses) / 200 == sample.meanDifference)
    }

    @Test("the bootstrap is the one that an independent implementation of docs/statistics.md draws, to the last bit")
    func bootstrap() async throws {
        var random = SeededGenerator(seed: 23)
        var lines: [String] = []
        var expected: [[Double]] = []
        for index in 0..<60 {
            let (level, resamples) = (random.chance(0.5) ? 0.9 : random.number(0.5...0.95), random.int(60...200))
            let pairs = random.pairs(
                count: random.int(4...60), isBinary: random.chance(0.5), clusters: random.int(0...1) * 6)
            let interval = try PairedSample(pairs).bootstrapInterval(
                level: level, resamples: resamples, generator: SeededGenerator(hashing: "contest-\(index)"))
            lines.append("bootstrap \(level) \(resamples) contest-\(index) \(pairs.line)")
            expected.append([interval.lower, interval.upper])
        }
        #expect(try await Reference.answers(to: lines) == expected)
    }

    @Test("for a plain sample the bootstrap comes close to the t interval, and its seed decides its bits")
    func bootstrapIsClose() throws {
        var random = SeededGenerator(seed: 24)
        let sample = try PairedSample(random.pairs(count: 150, isBinary: true))
        let generator = SeededGenerator(hashing: "contest 812")
        let (plain, drawn) = (
            try sample.interval(), try sample.bootstrapInterval(resamples: 4_000, generator: generator)
        )
        #expect(abs(plain.lower - drawn.lower) < 0.1 * sample.standardDeviation)
        #expect(abs(plain.upper - drawn.upper) < 0.1 * sample.standardDeviation)
        #expect(try sample.bootstrapInterval(resamples: 4_000, generator: generator) == drawn)
        let other = SeededGenerator(hashing: "contest 813")
        #expect(
            try sample.bootstrapInterval(level: 0.5, resamples: 400, generator: generator)
                != sample.bootstrapInterval(level: 0.5, resamples: 400, generator: other))
    }

    @Test("the first words of the generator are those of SplitMix64's reference implementation")
    func generator() {
        var zero = SeededGenerator(seed: 0)
        #expect(
            [zero.next(), zero.next(), zero.next()] == [
                0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F,
            ])
        var random = SeededGenerator(seed: 3)
        #expect(random.permutation(of: 50).sorted() == Array(0..<50))
        let draws = (0..<30_000).map { _ in random.draw(below: 3) }
        #expect((0..<3).allSatisfy { face in abs(draws.count { $0 == face } - 10_000) < 300 })
    }

    @Test(
        "no statistic but the bootstrap depends on the order of the pairs, not even in its last bit", arguments: 0..<20)
    func orderDoesNotMatter(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(100 + seed))
        let pairs = random.pairs(count: 80, isBinary: false, clusters: 7)
        let (sample, other) = (
            try PairedSample(pairs), try PairedSample(random.permutation(of: 80).map { pairs[$0] })
        )
        #expect(sample.meanDifference == other.meanDifference && sample.standardDeviation == other.standardDeviation)
        #expect(try sample.clusterInterval() == other.clusterInterval() && sample.interval() == other.interval())
    }

    @Test("with every task its own cluster, the clustered error is the plain one")
    func singletons() throws {
        var random = SeededGenerator(seed: 25)
        let sample = try PairedSample(random.pairs(count: 40, isBinary: false))
        #expect(Reference.isClose(sample.clusterRobustError, sample.standardError))
        #expect(sample.clusters == 40)
    }

    @Test("scores at the widest bounds a rule allows leave no sum behind")
    func hugeScores() throws {
        let extreme = Score(nano: RuleDocument.maxBound)
        let pairs = (0..<1_000).map { index in
            ScorePair(
                champion: Score(nano: -extreme.nano), challenger: index % 2 == 0 ? extreme : Score(nano: -extreme.nano))
        }
        let sample = try PairedSample(pairs)
        #expect(sample.meanDifference == 1e9)
        #expect(Reference.isClose(sample.standardDeviation, 1e9 * (1_000.0 / 999).squareRoot()))
    }

    @Test("what cannot be computed is refused by name")
    func refusals() throws {
        var random = SeededGenerator(seed: 26)
        let one = try PairedSample(random.pairs(count: 1, isBinary: true))
        let many = try PairedSample(random.pairs(count: 9, isBinary: true))
        #expect(throws: InvalidValue.self) { try PairedSample([]) }
        #expect(throws: InvalidValue.self) { try one.interval() }
        #expect(throws: InvalidValue.self) { try one.lowerBound() }
        #expect(throws: InvalidValue.self) { try one.clusterInterval() }
        #expect(throws: InvalidValue.self) { try many.interval(level: 1) }
        #expect(throws: InvalidValue.self) { try many.clusterInterval(level: .nan) }
        #expect(throws: InvalidValue.self) { try many.bootstrapInterval(resamples: 30, generator: random) }
        #expect(throws: InvalidValue.self) { try many.bootstrapInterval(resamples: 2_000_000, generator: random) }
    }

    @Test("a record's sample holds what is decided, with faults of the model's own as the lowest score")
    func record() throws {
        let abd = try EnvironmentName("abd")
        let sample = try PairedSample(of: abd, in: Self.record(of: abd), cluster: { $0.rawValue < 2 ? "low" : nil })
        #expect(sample.pairs.map(\.champion) == [.one, .zero, .one])
        #expect(sample.pairs.map(\.challenger) == [.zero, .one, .zero])
        #expect(sample.pairs.map(\.cluster) == ["low", "low", nil])
        #expect(throws: InvalidValue.self) { try PairedSample(of: EnvironmentName("ded"), in: Self.record(of: abd)) }
    }

    private static func record(of abd: EnvironmentName) throws -> ContestRecord {
        let results: [(TaskResult, TaskResult?)] = [
            (.scored(.one), .modelFault), (.modelFault, .scored(.one)), (.scored(.one), .infraFault),
            (.scored(.one), nil), (.scored(.one), .scored(.zero)),
        ]
        let tasks = results.enumerated().map { position, results in
            SlateTask(
                environment: abd, position: position, task: TaskID(rawValue: Int64(position)), champion: results.0,
                challenger: results.1)
        }
        let bounds = try #require(ScoreBounds(lo: .zero, hi: .one))
        let terms = EnvironmentTerms(bounds: bounds, margin: .zero, samplingCount: 5)
        let hotkey = try Hotkey("5F3sa2TJAWMqDhXG6jhV4N8ko9SxwGy8TpaNS1repo5EYjQX")
        let identity = ContestIdentity(
            hotkey: hotkey,
            model: try ModelReference(repository: "miner/model", revision: String(repeating: "a", count: 40)))
        return try ContestRecord(
            window: WindowID(rawValue: 1),
            rule: RuleDocument(
                kind: StrictMargin(), environments: [RuleEnvironment(name: abd, terms: terms)], stopping: .full),
            champion: identity, challenger: identity, tasks: tasks)
    }
}
