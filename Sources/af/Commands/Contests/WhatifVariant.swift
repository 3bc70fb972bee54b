import Coordinator
import Digest
import Domain
import Rules

/// A hypothesis and what to call it.
struct NamedHypothesis: Sendable {
    let hypothesis: Hypothesis

    var name: String {
        let rule = hypothesis.rule.map { "\($0.kindName) \($0.digest.hex.prefix(8))" }
        let margin = hypothesis.margin.map { "margin \($0)" }
        let margins = hypothesis.margins.sorted { $0.key < $1.key }.map { "\($0.key) margin \($0.value)" }
        let parts = [rule, margin].compactMap(\.self) + margins
        return parts.isEmpty ? "its own rule" : parts.joined(separator: ", ")
    }
}

/// What becomes of one contest under one hypothesis.
struct WhatifOutcome: Encodable, Sendable {
    let contest: ContestID
    let stored: String
    /// `undecided` when it hangs on tasks that were never run.
    let verdict: String
    let environments: [EnvironmentReport]
    /// Why the hypothesis can't be applied to this contest, such as an environment that its slate lacks.
    let problem: String?

    /// A record that can't be put together any more has no verdict under any hypothesis, and stops no other contest.
    static func all(
        _ past: PastContest, under hypotheses: [NamedHypothesis], dropping tasks: [EnvironmentName: Set<TaskID>]
    ) -> [WhatifOutcome] {
        switch past.record {
        case .success(let record): all(past.contest, record, past.stored, under: hypotheses, dropping: tasks)
        case .failure(let error):
            hypotheses.map { _ in WhatifOutcome(past.contest, past.stored.verdict.decision, problem: error) }
        }
    }

    static func all(
        _ contest: ContestID, _ record: ContestRecord, _ stored: StoredVerdict, under hypotheses: [NamedHypothesis],
        dropping tasks: [EnvironmentName: Set<TaskID>]
    ) -> [WhatifOutcome] {
        hypotheses.map { named in
            do throws(InvalidValue) {
                let record = tasks.isEmpty ? record : try record.dropping(tasks)
                let verdict = try record.decide(under: named.hypothesis.rule(insteadOf: record.rule))
                return WhatifOutcome(contest, stored.verdict.decision, verdict)
            } catch {
                return WhatifOutcome(contest, stored.verdict.decision, problem: error)
            }
        }
    }

    private init(_ contest: ContestID, _ stored: Verdict.Decision, _ verdict: Verdict) {
        self.contest = contest
        self.stored = stored.rawValue
        let isUndecided = verdict.decision == .void && stored != .void
        self.verdict = isUndecided ? Self.undecided : verdict.decision.rawValue
        environments = verdict.environments
        problem = nil
    }

    private init(_ contest: ContestID, _ stored: Verdict.Decision, problem: InvalidValue) {
        self.contest = contest
        self.stored = stored.rawValue
        verdict = Self.undecided
        environments = []
        self.problem = problem.description
    }

    private static let undecided = "undecided"

    var isChanged: Bool { stored != verdict }
}

/// One hypothesis over all contests.
struct WhatifVariant: Encodable {
    let hypothesis: String
    let contests: Int
    let dethroned: Int
    let championKeeps: Int
    let undecided: Int
    let changed: [WhatifOutcome]

    init(_ hypothesis: String, _ outcomes: [WhatifOutcome]) {
        self.hypothesis = hypothesis
        contests = outcomes.count
        dethroned = outcomes.count { $0.verdict == Verdict.Decision.dethroned.rawValue }
        championKeeps = outcomes.count { $0.verdict == Verdict.Decision.championKeeps.rawValue }
        undecided = contests - dethroned - championKeeps
        changed = outcomes.filter(\.isChanged)
    }

    enum CodingKeys: String, CodingKey {
        case hypothesis, contests, dethroned, undecided, changed
        case championKeeps = "champion_keeps"
    }

    static let columns = ["hypothesis", "contests", "dethroned", "champion keeps", "undecided", "changed"]

    var line: [String] {
        [hypothesis] + [contests, dethroned, championKeeps, undecided, changed.count].map(String.init)
    }

    func printChanges() {
        guard !changed.isEmpty else { return }
        print("\n\(hypothesis):")
        for outcome in changed {
            print("  contest \(outcome.contest): \(outcome.stored) -> \(outcome.verdict)")
            for line in outcome.environments.map(\.reason) + [outcome.problem].compactMap(\.self) {
                print("    \(line)")
            }
        }
    }
}
