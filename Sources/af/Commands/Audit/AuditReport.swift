import Domain
import Rules

/// What two exports have in common, and where they part.
struct AuditReport: Encodable {
    /// One environment over all contests.
    struct Environment: Encodable {
        let environment: EnvironmentName
        let tasks: Int
        let onlyInA: Int
        let onlyInB: Int
        /// Shares of the tasks, 0 to 1.
        let championAgreement: Double
        let challengerAgreement: Double
        /// A's mean score less B's.
        let championDifference: Double
        let challengerDifference: Double

        enum CodingKeys: String, CodingKey {
            case environment, tasks
            case onlyInA = "only_in_a"
            case onlyInB = "only_in_b"
            case championAgreement = "champion_agreement"
            case challengerAgreement = "challenger_agreement"
            case championDifference = "champion_difference"
            case challengerDifference = "challenger_difference"
        }
    }

    struct Contest: Encodable {
        let contestOfA: ContestID
        let contestOfB: ContestID
        let challenger: Hotkey
        let verdictOfA: Verdict.Decision
        let verdictOfB: Verdict.Decision
        let rulesAgree: Bool
        /// A verdict, or why there is none.
        let scoresOfAUnderRuleOfB: String
        let scoresOfBUnderRuleOfA: String
        let differences: Int

        enum CodingKeys: String, CodingKey {
            case challenger, differences
            case contestOfA = "contest_of_a"
            case contestOfB = "contest_of_b"
            case verdictOfA = "verdict_of_a"
            case verdictOfB = "verdict_of_b"
            case rulesAgree = "rules_agree"
            case scoresOfAUnderRuleOfB = "scores_of_a_under_rule_of_b"
            case scoresOfBUnderRuleOfA = "scores_of_b_under_rule_of_a"
        }
    }

    struct Row: Encodable {
        let challenger: Hotkey
        let environment: EnvironmentName
        let task: TaskID
        let side: String
        let a: TaskResult?
        let b: TaskResult?
    }

    let agrees: Bool
    let environments: [Environment]
    let contests: [Contest]
    /// Contests, by A's and B's numbers, that the other does not have.
    let onlyInA: [ContestID]
    let onlyInB: [ContestID]
    let rows: [Row]

    enum CodingKeys: String, CodingKey {
        case agrees, environments, contests, rows
        case onlyInA = "only_in_a"
        case onlyInB = "only_in_b"
    }

    init(_ a: [ContestArchive], _ b: [ContestArchive], rows most: Int) {
        var rest = b
        var compared: [ContestComparison] = []
        var onlyInA: [ContestID] = []
        for archive in a {
            let match = rest.firstIndex {
                $0.record.champion == archive.record.champion && $0.record.challenger == archive.record.challenger
            }
            if let match {
                compared.append(ContestComparison(archive, rest.remove(at: match)))
            } else {
                onlyInA.append(archive.contest)
            }
        }
        self.onlyInA = onlyInA
        onlyInB = rest.map(\.contest)
        contests = compared.map(Contest.init)
        environments = Dictionary(grouping: compared.flatMap(\.environments), by: \.environment).values
            .map(Environment.init).sorted { $0.environment < $1.environment }
        rows = Array(compared.flatMap { comparison in comparison.rows.map { Row($0, of: comparison) } }.prefix(most))
        agrees = onlyInA.isEmpty && rest.isEmpty && compared.allSatisfy(\.agrees)
    }
}

extension AuditReport.Environment {
    init(_ contests: [ContestComparison.Environment]) {
        let tasks = contests.map(\.tasks).reduce(0, +)
        let perTask = { (sum: ScoreSum) in Double(sum.nano) / Double(max(1, tasks)) / Double(Score.unit) }
        environment = contests[0].environment
        self.tasks = tasks
        onlyInA = contests.map(\.onlyInA).reduce(0, +)
        onlyInB = contests.map(\.onlyInB).reduce(0, +)
        championAgreement = Double(contests.map(\.championAgrees).reduce(0, +)) / Double(max(1, tasks))
        challengerAgreement = Double(contests.map(\.challengerAgrees).reduce(0, +)) / Double(max(1, tasks))
        championDifference = perTask(contests.map(\.championDifference).reduce(.zero, +))
        challengerDifference = perTask(contests.map(\.challengerDifference).reduce(.zero, +))
    }
}

extension AuditReport.Contest {
    init(_ comparison: ContestComparison) {
        contestOfA = comparison.a.contest
        contestOfB = comparison.b.contest
        challenger = comparison.a.record.challenger.hotkey
        verdictOfA = comparison.a.stored.verdict.decision
        verdictOfB = comparison.b.stored.verdict.decision
        rulesAgree = comparison.a.record.rule == comparison.b.record.rule
        scoresOfAUnderRuleOfB = Self.words(comparison.scoresOfAUnderRuleOfB)
        scoresOfBUnderRuleOfA = Self.words(comparison.scoresOfBUnderRuleOfA)
        differences = comparison.rows.count
    }

    private static func words(_ verdict: Result<Verdict.Decision, InvalidValue>) -> String {
        switch verdict {
        case .success(let decision): decision.rawValue
        case .failure(let error): "none: \(error)"
        }
    }
}

extension AuditReport.Row {
    init(_ row: ContestComparison.Row, of comparison: ContestComparison) {
        challenger = comparison.a.record.challenger.hotkey
        environment = row.environment
        task = row.task
        side = row.side
        a = row.a
        b = row.b
    }
}

extension AuditReport {
    func printText() {
        Output.table(
            [["environment", "tasks", "only in A", "only in B", "champion agrees", "challenger agrees", "A less B"]]
                + environments.map { environment in
                    [
                        environment.environment.rawValue, "\(environment.tasks)", "\(environment.onlyInA)",
                        "\(environment.onlyInB)", Self.percent(environment.championAgreement),
                        Self.percent(environment.challengerAgreement),
                        "\(Self.short(environment.championDifference)), \(Self.short(environment.challengerDifference))",
                    ]
                })
        print()
        Output.table(
            [
                [
                    "A", "B", "challenger", "verdict of A", "of B", "A's scores under B's rule", "B's under A's",
                    "differences",
                ]
            ]
                + contests.map { contest in
                    [
                        "\(contest.contestOfA)", "\(contest.contestOfB)", contest.challenger.rawValue,
                        contest.verdictOfA.rawValue, contest.verdictOfB.rawValue, contest.scoresOfAUnderRuleOfB,
                        contest.scoresOfBUnderRuleOfA, "\(contest.differences)",
                    ]
                })
        if !onlyInA.isEmpty { print("only in A: contest \(Self.list(onlyInA))") }
        if !onlyInB.isEmpty { print("only in B: contest \(Self.list(onlyInB))") }
        for row in rows {
            print(
                "\(row.environment) task \(row.task), \(row.side): \(Self.words(row.a)) in A, \(Self.words(row.b)) in B"
            )
        }
    }

    private static func words(_ result: TaskResult?) -> String {
        result.map { $0.score?.description ?? $0.outcome.rawValue } ?? "no result"
    }

    private static func list(_ contests: [ContestID]) -> String {
        contests.map(\.description).joined(separator: ", ")
    }

    private static func percent(_ share: Double) -> String { "\((share * 1_000).rounded() / 10) %" }

    private static func short(_ value: Double) -> String { "\((value * 10_000).rounded() / 10_000)" }
}
