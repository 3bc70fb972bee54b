import Domain

/// One side's results on a slate, in slate order: two bytes a task as a rule, so that a contest of a million fits in memory.
public struct ResultColumn: Hashable, Sendable, RandomAccessCollection {
    /// A score in nano-units, or one of the words below. `RuleDocument.maxBound` keeps scores away from these.
    private var codes: PaletteArray

    private static let missing = Int64.min
    private static let words: [TaskResult] = [.modelFault, .infraFault, .environmentFault, .cancelled]

    /// As many tasks without a result as `count` says.
    public init(missing count: Int) {
        codes = PaletteArray(repeating: Self.missing, count: count)
    }

    public init(_ results: some Sequence<TaskResult?>) {
        codes = PaletteArray(results.map(Self.code))
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { codes.count }

    /// The result of the task at a slate position; nil when there is none.
    public subscript(position: Int) -> TaskResult? {
        get {
            let code = codes[position]
            if code > Self.missing + Int64(Self.words.count) { return .scored(Score(nano: code)) }
            return code == Self.missing ? nil : Self.words[Int(code - Self.missing) - 1]
        }
        set { codes[position] = Self.code(newValue) }
    }

    /// The score as it counts for a challenger, in nano-units: `lo` for a failure of the model's own, nil for what is
    /// nobody's.
    func counted(_ position: Int, within bounds: ScoreBounds) -> Int64? {
        let code = codes[position]
        if code > Self.missing + Int64(Self.words.count) { return code }
        return code == Self.modelFault ? bounds.lo.nano : nil
    }

    private static let modelFault = code(.modelFault)

    private static func code(_ result: TaskResult?) -> Int64 {
        guard let result else { return missing }
        if let score = result.score { return score.nano }
        guard let word = words.firstIndex(of: result) else {
            preconditionFailure("no code for the outcome \(result.outcome)")
        }
        return missing + 1 + Int64(word)
    }
}

/// In documents a result is a score in nano-units, the name of another outcome, or null.
extension ResultColumn: Codable {
    public init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        var results: [TaskResult?] = []
        while !container.isAtEnd {
            if try container.decodeNil() {
                results.append(nil)
            } else if let nano = try? container.decode(Int64.self) {
                results.append(.scored(Score(nano: nano)))
            } else {
                let word = try container.decode(String.self)
                guard let outcome = Outcome(rawValue: word), let result = TaskResult(outcome: outcome, score: nil)
                else {
                    throw InvalidValue(
                        field: "result", value: word, expected: "a score in nano-units, an outcome without one, or null"
                    )
                }
                results.append(result)
            }
        }
        self.init(results)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        for result in self {
            if let score = result?.score {
                try container.encode(score)
            } else if let result {
                try container.encode(result.outcome)
            } else {
                try container.encodeNil()
            }
        }
    }
}
