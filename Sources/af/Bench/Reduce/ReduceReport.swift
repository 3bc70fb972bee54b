import Domain

/// What `af bench reduce` found.
struct ReduceReport: Encodable {
    /// The best of several rounds.
    struct Times: Encodable {
        let replaySeconds: Double
        /// Postgres' COPY of the same rows to psql.
        let copySeconds: Double
        /// Deciding what was read, under every margin and rule.
        let whatifSeconds: Double

        enum CodingKeys: String, CodingKey {
            case replaySeconds = "replay_seconds"
            case copySeconds = "copy_seconds"
            case whatifSeconds = "whatif_seconds"
        }
    }

    /// One huge contest, by a process that did nothing else.
    struct Decision: Codable {
        var jobs: Int
        /// From the last result to the verdict's commit, and then to where nothing is left to do.
        let seconds: Double
        let bytesBefore: Int64
        let peakBytes: Int64

        enum CodingKeys: String, CodingKey {
            case jobs, seconds
            case bytesBefore = "bytes_before"
            case peakBytes = "peak_bytes"
        }
    }

    let contests: Int
    /// The challengers' results, and the champion's once.
    let rows: Int
    let pairs: Int
    let matches: Bool
    let times: Times
    var decision: Decision?

    enum CodingKeys: String, CodingKey {
        case contests, rows, pairs, matches, times, decision
        case copyRatio = "copy_ratio"
    }

    /// Replayed rows a second, as a multiple of copied rows a second.
    var copyRatio: Double { times.copySeconds / times.replaySeconds }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(contests, forKey: .contests)
        try container.encode(rows, forKey: .rows)
        try container.encode(pairs, forKey: .pairs)
        try container.encode(matches, forKey: .matches)
        try container.encode(times, forKey: .times)
        try container.encode(copyRatio, forKey: .copyRatio)
        try container.encodeIfPresent(decision, forKey: .decision)
    }

    func printText() {
        print(
            """
            \(Machine.description)
            replay    \(Self.short(times.replaySeconds)) s for \(contests) contests, \(rows) rows; \
            \(matches ? "all match" : "NOT ALL MATCH")
            COPY      \(Self.short(times.copySeconds)) s for the same rows; replay runs at \(Self.short(copyRatio)) of its rate
            what-if   \(Self.short(times.whatifSeconds)) s for \(pairs) pairs under 6 margins and 2 rules
            """)
        if let decision {
            print(
                "decision  \(Self.short(decision.seconds)) s for a contest of \(decision.jobs) jobs, peak "
                    + "\(decision.peakBytes / 1_048_576) MiB (\(decision.bytesBefore / 1_048_576) before)")
        }
    }

    private static func short(_ value: Double) -> String { "\((value * 1_000).rounded() / 1_000)" }
}
