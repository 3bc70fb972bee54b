public import Digest
public import Domain

/// Which of an environment's tasks a window draws from.
public enum TaskSelection: String, Hashable, Sendable, Codable, CaseIterable {
    /// All of them.
    case random
    /// The newest: those with the highest ids.
    case latest
}

/// The one source of a window's chance, fixed by the opening block's hash: anyone can draw the same pool again.
public struct WindowSeed: Hashable, Sendable {
    public let digest: SHA256Digest

    public init(window: WindowID, openingBlock: BlockHash) {
        digest = SHA256Digest(of: "affine/window/1\n\(window)\n\(openingBlock.hex)\n")
    }

    /// How many tasks are drawn for a slate of `samplingCount`: ceil(11 · count / 10), and never more than there are.
    public static func poolSize(samplingCount: Int64, available: UInt64) -> UInt64 {
        let wanted = (11 * UInt64(samplingCount) + 9) / 10
        return min(wanted, available)
    }

    /// Draws an environment's pool; its order is the random order in which tasks enter the slate.
    ///
    /// - Throws: `InvalidValue` when `samplingCount` is below one or above the number of tasks.
    public func pool(
        of environment: EnvironmentName, from tasks: TaskRanges, samplingCount: Int64,
        selection: TaskSelection = .random
    ) throws(InvalidValue) -> [TaskID] {
        let most = min(UInt64(RuleDocument.maxSamplingCount), tasks.count)
        guard samplingCount >= 1, UInt64(samplingCount) <= most else {
            throw InvalidValue(
                field: "\(environment).sampling_count", value: String(samplingCount),
                expected: "1 to \(most); the dataset has \(tasks.count) tasks")
        }
        let size = Self.poolSize(samplingCount: samplingCount, available: tasks.count)
        let candidates = selection == .latest ? size : tasks.count
        let oldest = tasks.count - candidates
        return shuffledIndices(count: size, of: candidates, for: environment).map { tasks[oldest + $0] }
    }

    /// The first `count` places of a Fisher-Yates shuffle of 0 ..< `total`. Only places that differ from their index are
    /// stored, so the cost depends on `count` alone.
    private func shuffledIndices(count: UInt64, of total: UInt64, for environment: EnvironmentName) -> [UInt64] {
        var stream = DrawStream(key: SHA256Digest(of: "affine/draw/1\n\(digest.hex)\n\(environment)\n"))
        var moved: [UInt64: UInt64] = [:]
        var drawn: [UInt64] = []
        drawn.reserveCapacity(Int(count))
        for place in 0..<count {
            let other = place + stream.draw(below: total - place)
            drawn.append(moved[other] ?? other)
            moved[other] = moved[place] ?? place
        }
        return drawn
    }
}
