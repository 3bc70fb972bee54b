import Coordinator
import Domain
import Glibc

/// Shows how the contest goes, on standard error: redrawn in a terminal, a line now and then elsewhere.
struct DemoProgress: Sendable {
    let reports: Reports
    let contestants: [DemoContestant]
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let started = ContinuousClock.now

    init(reports: Reports, contestants: [DemoContestant]) {
        self.reports = reports
        self.contestants = contestants
    }

    /// Returns the contest once it is over.
    func untilDecided() async throws -> ContestID {
        var drawn = 0
        var lastLine = ContinuousClock.now - .seconds(60)
        var begun: [String: ContinuousClock.Instant] = [:]
        while true {
            if let contest = try await decided() { return contest }
            let progress = try await reports.progress()
            for row in progress where row.finished == 0 { begun[key(row)] = .now }
            let lines = progress.map { line($0, began: begun[key($0)] ?? started) }
            if isTerminal {
                draw(lines, over: drawn)
                drawn = lines.count
            } else if .now - lastLine > .seconds(5), !lines.isEmpty {
                draw(lines, over: 0)
                lastLine = .now
            }
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    private func decided() async throws -> ContestID? {
        let over = try await reports.contests().first { $0["state"]?.stringValue != "running" }
        return over?["contest"]?.integerValue.map(ContestID.init)
    }

    private func key(_ row: EvaluationProgress) -> String { "\(row.evaluation)/\(row.environment)" }

    private func line(_ row: EvaluationProgress, began: ContinuousClock.Instant) -> String {
        let model = contestants.first { $0.hotkey == row.hotkey }?.model.repository ?? row.hotkey.rawValue
        let filled = Int(20 * row.finished / max(1, row.planned))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 20 - filled)
        var text =
            "\(row.isChampion ? "baseline " : "challenge") \(Output.pad(row.environment.rawValue, to: 4)) \(bar) "
        text += "\(row.finished)/\(row.planned)  mean \(mean(row.scoreSum, row.finished))"
        if let champion = row.championSum {
            let margin = Score(nano: champion.nano + row.margin.nano * row.planned)
            text += "  champion \(mean(champion, row.planned))  line to beat \(mean(margin, row.planned))"
        }
        return text + "  ETA \(eta(row, began: began))  \(model)"
    }

    private func mean(_ sum: Score, _ count: Int64) -> String {
        guard count > 0 else { return "-" }
        let thousandths = (sum.nano / count + 500_000) / 1_000_000
        return Score(nano: thousandths * 1_000_000).description
    }

    private func eta(_ row: EvaluationProgress, began: ContinuousClock.Instant) -> String {
        guard row.finished > 0 else { return "-" }
        let left = (ContinuousClock.now - began) / Int(row.finished) * Int(row.planned - row.finished)
        return "\(left.components.seconds) s"
    }

    private func draw(_ lines: [String], over drawn: Int) {
        let up = drawn > 0 ? "\u{1B}[\(drawn)A\u{1B}[J" : ""
        StandardError.write(up + lines.map { $0 + "\n" }.joined())
    }
}
