package import Domain
internal import Logging

/// What the arena looks like at one moment: just enough to say what comes next.
package struct ArenaState: Equatable, Sendable {
    package struct Window: Equatable, Sendable {
        package enum Phase: String, Sendable { case baseline, open }

        package var id: WindowID
        package var phase: Phase
        package var openedBlock: Int64
        /// Whether the champion's evaluation has come to its end.
        package var baselineIsComplete: Bool

        package init(id: WindowID, phase: Phase, openedBlock: Int64, baselineIsComplete: Bool) {
            self.id = id
            self.phase = phase
            self.openedBlock = openedBlock
            self.baselineIsComplete = baselineIsComplete
        }
    }

    /// Where the check of a miner's model against the champion's stands.
    package enum CopyCheck: String, Sendable {
        case missing, judged
        /// For workers that measure the models.
        case waiting
        /// Everything it waits for is there, or comes no more.
        case due
    }

    /// The newest block that was seen.
    package var headBlock: Int64?
    package var champion: Hotkey?
    /// First of the queue by (first_block, hotkey); a benchmark entrant only while there is a champion to meet.
    package var queueHead: Hotkey?
    /// The head's, against the open window's baseline; nil where none is asked for.
    package var copyCheck: CopyCheck?
    package var enabledEnvironments = 0
    package var window: Window?
    package var runningContest: ContestID?
    /// The first of the next miners whose evaluation may begin before its contest, and has not.
    package var nextAhead: Hotkey?
    /// An evaluation that runs ahead of a contest that will not be.
    package var vainEvaluation: EvaluationID?
    /// An operator's: nothing new begins.
    package var isPaused = false
    /// An operator's: the pool is to be drawn anew.
    package var isRotationAsked = false

    package init() {}
}

/// The next thing to do, each done in one transaction.
package enum ArenaStep: Equatable, Sendable {
    case crown(Hotkey)
    case openWindow
    case advanceBaseline(WindowID)
    case openContest(challenger: Hotkey)
    case reduce(ContestID)
    case evaluateAhead(Hotkey)
    case dropAhead(EvaluationID)
    case askCopyCheck(Hotkey)
    case judgeCopyCheck(Hotkey)
    /// Nothing can be done until something arrives from outside.
    case wait(Reason)

    package enum Reason: String, Sendable {
        case noBlock = "no block was seen yet"
        case noMiner = "no miner is in the queue"
        case noEnvironment = "no environment is enabled"
        case anotherCoordinator = "another coordinator is at work"
        case paused = "an operator paused the arena"
        case copyCheck = "the next miner's model is held against the champion's"
    }
}

extension ArenaStep: CustomStringConvertible {
    package var description: String {
        switch self {
        case .crown(let hotkey): "crown \(hotkey)"
        case .openWindow: "open a window"
        case .advanceBaseline(let window): "baseline of window \(window)"
        case .openContest(let challenger): "open the contest of \(challenger)"
        case .reduce(let contest): "contest \(contest)"
        case .evaluateAhead(let hotkey): "evaluate \(hotkey) ahead of its contest"
        case .dropAhead(let evaluation): "drop evaluation \(evaluation)"
        case .askCopyCheck(let hotkey): "ask for the copy check of \(hotkey)"
        case .judgeCopyCheck(let hotkey): "judge the copy check of \(hotkey)"
        case .wait(let reason): reason.rawValue
        }
    }
}

extension ArenaStep {
    /// The step in words, and what it is about under the names that all log lines use.
    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["arena.step": "\(self)"]
        switch self {
        case .crown(let hotkey), .openContest(let hotkey), .evaluateAhead(let hotkey), .askCopyCheck(let hotkey),
            .judgeCopyCheck(let hotkey):
            metadata["miner.hotkey"] = "\(hotkey)"
        case .advanceBaseline(let window): metadata["window.id"] = "\(window)"
        case .reduce(let contest): metadata["contest.id"] = "\(contest)"
        case .dropAhead(let evaluation): metadata["evaluation.id"] = "\(evaluation)"
        case .openWindow, .wait: break
        }
        return metadata
    }
}

extension ArenaState {
    /// What comes next. A window is redrawn only between contests, `refreshBlocks` after it opened.
    package func next(refreshBlocks: Int64) -> ArenaStep {
        if let vainEvaluation { return .dropAhead(vainEvaluation) }
        if let runningContest {
            guard let nextAhead, !isPaused, isFresh(refreshBlocks) else { return .reduce(runningContest) }
            return .evaluateAhead(nextAhead)
        }
        guard headBlock != nil else { return .wait(.noBlock) }
        if isPaused {
            guard let window, window.phase == .baseline || !window.baselineIsComplete else { return .wait(.paused) }
            return .advanceBaseline(window.id)
        }
        guard champion != nil else {
            return queueHead.map(ArenaStep.crown) ?? .wait(.noMiner)
        }
        guard let window, isFresh(refreshBlocks) else {
            return enabledEnvironments == 0 ? .wait(.noEnvironment) : .openWindow
        }
        guard window.phase == .open, window.baselineIsComplete else { return .advanceBaseline(window.id) }
        guard let queueHead else { return .wait(.noMiner) }
        return switch copyCheck {
        case nil, .judged: .openContest(challenger: queueHead)
        case .missing: .askCopyCheck(queueHead)
        case .waiting: .wait(.copyCheck)
        case .due: .judgeCopyCheck(queueHead)
        }
    }

    /// Whether there is a window in which contests may still begin.
    private func isFresh(_ refreshBlocks: Int64) -> Bool {
        guard let headBlock, let window, !isRotationAsked else { return false }
        return headBlock - window.openedBlock < refreshBlocks
    }
}
