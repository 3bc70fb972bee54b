import Coordinator
import Domain
import Testing

/// What the arena does next, as a table.
@Suite struct ArenaMachineTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let state: ArenaState
        let step: ArenaStep

        init(_ promise: String, _ step: ArenaStep, _ change: (inout ArenaState) -> Void) {
            testDescription = promise
            state = ArenaMachineTests.ready(change)
            self.step = step
        }
    }

    private static let champion = Hotkey(rawValue: "5" + String(repeating: "a", count: 47))
    private static let challenger = Hotkey(rawValue: "5" + String(repeating: "b", count: 47))
    private static let window = WindowID(rawValue: 1)

    /// A champion, an open window, a challenger: a contest can open.
    private static func ready(_ change: (inout ArenaState) -> Void) -> ArenaState {
        var state = ArenaState()
        state.headBlock = 1_000
        state.champion = champion
        state.queueHead = challenger
        state.enabledEnvironments = 2
        state.window = .init(id: window, phase: .open, openedBlock: 950, baselineIsComplete: true)
        change(&state)
        return state
    }

    static func rows() throws -> [Row] {
        let challenger = try #require(challenger)
        let contest = ContestID(rawValue: 7)
        return [
            Row("the queue's head meets the champion", .openContest(challenger: challenger)) { _ in },
            Row("a check of the head is asked for first", .askCopyCheck(challenger)) { $0.copyCheck = .missing },
            Row("the contest waits for its check", .wait(.copyCheck)) { $0.copyCheck = .waiting },
            Row("a check that has all it waits for is judged", .judgeCopyCheck(challenger)) { $0.copyCheck = .due },
            Row("a checked challenger meets the champion", .openContest(challenger: challenger)) {
                $0.copyCheck = .judged
            },
            Row("a running contest does not wait for the next check", .reduce(contest)) {
                $0.runningContest = contest
                $0.copyCheck = .due
            },
            Row("an empty queue waits", .wait(.noMiner)) { $0.queueHead = nil },
            Row("before the first block nothing happens", .wait(.noBlock)) { $0.headBlock = nil },
            Row("an empty throne goes to the queue's head", .crown(challenger)) { $0.champion = nil },
            Row("an empty throne is filled before a window opens", .crown(challenger)) {
                $0.champion = nil
                $0.window = nil
            },
            Row("nobody at all waits", .wait(.noMiner)) {
                $0.champion = nil
                $0.queueHead = nil
            },
            Row("without a window one opens", .openWindow) { $0.window = nil },
            Row("a window needs an environment", .wait(.noEnvironment)) {
                $0.window = nil
                $0.enabledEnvironments = 0
            },
            Row("a window opens with nobody waiting", .openWindow) {
                $0.window = nil
                $0.queueHead = nil
            },
            Row("one block short of the refresh the window stays", .openContest(challenger: challenger)) {
                $0.window?.openedBlock = 901
            },
            Row("at the refresh the window is drawn anew", .openWindow) { $0.window?.openedBlock = 900 },
            Row("a baseline that takes too long is drawn anew", .openWindow) {
                $0.window = .init(id: window, phase: .baseline, openedBlock: 900, baselineIsComplete: false)
            },
            Row("the baseline comes before contests", .advanceBaseline(window)) {
                $0.window = .init(id: window, phase: .baseline, openedBlock: 950, baselineIsComplete: false)
            },
            Row("a new champion's pass over the slate comes before contests", .advanceBaseline(window)) {
                $0.window?.baselineIsComplete = false
            },
            Row("a running contest comes first", .reduce(contest)) { $0.runningContest = contest },
            Row("no window is drawn while a contest runs", .reduce(contest)) {
                $0.runningContest = contest
                $0.window?.openedBlock = 0
            },
            Row("while a contest runs the next miner's evaluation begins", .evaluateAhead(challenger)) {
                $0.runningContest = contest
                $0.nextAhead = challenger
            },
            Row("nothing runs ahead without a contest", .openContest(challenger: challenger)) {
                $0.nextAhead = challenger
            },
            Row("nothing begins ahead in a window that is due to be redrawn", .reduce(contest)) {
                $0.runningContest = contest
                $0.nextAhead = challenger
                $0.window?.openedBlock = 900
            },
            Row("nothing begins ahead of a rotation", .reduce(contest)) {
                $0.runningContest = contest
                $0.nextAhead = challenger
                $0.isRotationAsked = true
            },
            Row("nothing begins ahead in a paused arena", .reduce(contest)) {
                $0.runningContest = contest
                $0.nextAhead = challenger
                $0.isPaused = true
            },
            Row("what runs in vain ends first", .dropAhead(EvaluationID(rawValue: 3))) {
                $0.runningContest = contest
                $0.vainEvaluation = EvaluationID(rawValue: 3)
            },
        ]
    }

    @Test("what comes next", arguments: try rows())
    func next(row: Row) {
        #expect(row.state.next(refreshBlocks: 100) == row.step)
    }
}
