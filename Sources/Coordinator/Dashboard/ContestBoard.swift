internal import Domain
internal import Postgres
internal import Records
internal import Rules
internal import Statistics

/// Where a contest stands in one environment, as a row with a bar.
struct BoardRow: Sendable {
    var environment: EnvironmentName
    var tasks: Int32
    var decided: Int32
    var champion: ScoreSum
    var bar: ScoreSum
    /// How far above the bar the challenger can end, at least and at most.
    var lower: ScoreSum
    var upper: ScoreSum
    var bounds: ScoreBounds
    /// Whether the rule is `strict_margin`, by which an environment that the bar is out of reach in is lost.
    var isStrict: Bool
    /// Nil while the contest runs.
    var standing: String?

    var context: [String: Any] {
        let count = Int64(tasks)
        let (low, high) = (bar + lower, bar + upper)
        let (from, to) = (place(of: low), place(of: high))
        let (lost, won) = isStrict ? ("lost", "won") : ("not dominant", "dominant")
        let state = standing ?? (upper <= .zero ? lost : lower > .zero ? won : "open")
        let challenger = low == high ? low.mean(over: count) : "\(low.mean(over: count)) to \(high.mean(over: count))"
        return [
            "environment": environment.rawValue, "tasks": Int(tasks), "decided": Int(decided),
            "champion": champion.mean(over: count), "bar": bar.mean(over: count), "challenger": challenger,
            "state": state, "from": Self.short(from), "width": Self.short(max(0.6, to - from)),
            "championAt": Self.short(place(of: champion)), "barAt": Self.short(place(of: bar)),
            "label":
                "\(environment): challenger \(challenger), champion \(champion.mean(over: count)), to beat \(bar.mean(over: count)): \(state)",
        ]
    }

    /// 0 at `lo`, 100 at `hi`.
    private func place(of sum: ScoreSum) -> Double {
        let mean = Double(sum.nano) / Double(max(1, tasks))
        let span = Double(bounds.hi.nano) - Double(bounds.lo.nano)
        return min(100, max(0, (mean - Double(bounds.lo.nano)) / span * 100))
    }

    private static func short(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}

struct LoadBoard: Statement {
    static let sql = """
        SELECT s.environment, s.tasks, s.decided, s.champion_sum_nano, s.bar_nano, s.lower_nano, s.upper_nano, we.lo_nano,
               we.hi_nano, r.document::jsonb ->> 'kind' = 'strict_margin', s.standing
        FROM ops.contest_standing s
        JOIN affine.contest c ON c.id = s.contest
        JOIN affine.rule r ON r.digest = c.rule_digest
        JOIN affine.environment n ON n.name = s.environment
        JOIN affine.window_environment we ON we.window_id = s.window_id AND we.environment = n.id
        WHERE s.contest = $1 ORDER BY s.environment COLLATE "C"
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> BoardRow {
        let environment: EnvironmentName = try row.next()
        let (tasks, decided): (Int32, Int32) = (try row.next(), try row.next())
        var sums: [ScoreSum] = []
        for _ in 0..<4 { sums.append(ScoreSum(nano: Int128(try row.next(Int64.self)))) }
        let (lo, hi): (Int64, Int64) = (try row.next(), try row.next())
        guard let bounds = ScoreBounds(lo: Score(nano: lo), hi: Score(nano: hi)) else {
            throw PostgresError(.decoding, "environment \(environment) has no bounds")
        }
        return BoardRow(
            environment: environment, tasks: tasks, decided: decided, champion: sums[0], bar: sums[1], lower: sums[2],
            upper: sums[3], bounds: bounds, isStrict: try row.next(), standing: try row.next())
    }
}

/// The statistics of a contest's page.
enum ContestPage {
    static func statistics(of explanation: ContestExplanation) -> [String: Any] {
        Dashboard.table(
            ["Environment", "Mean difference", "95 %", "Wins : losses", "p", "Other scores that would flip it"],
            explanation.environments.map { environment in
                let difference = environment.difference
                let interval = difference.map { $0.clustered ?? $0.interval }
                return [
                    Cell(text: environment.report.environment.rawValue),
                    Cell(text: difference.map { short($0.mean) } ?? "not complete"),
                    Cell(text: interval.map { "\(short($0.lower)) to \(short($0.upper))" } ?? "–"),
                    Cell(text: "\(environment.wins) : \(environment.losses)"),
                    Cell(text: environment.winsP.map(short) ?? "–"),
                    Cell(text: environment.fewestChanges.map { "\($0)" } ?? "none would"),
                ]
            }, empty: "")
    }

    private static func short(_ value: Double) -> String { "\((value * 10_000).rounded() / 10_000)" }
}
