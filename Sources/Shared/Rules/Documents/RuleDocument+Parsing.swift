public import Domain

extension RuleDocument {
    /// Reads a rule from JSON in any spelling; its canonical form is made anew.
    ///
    /// - Throws: `InvalidValue` for what is not JSON, and for unknown, repeated, missing or ill-typed fields.
    public init(parsing text: String) throws(InvalidValue) {
        var fields = try JSONFields(ExactJSON(parsing: text))
        let kindType = try Self.kind(named: fields)
        _ = fields.takeIfPresent("kind")
        let stopping = try Self.stopping(&fields)
        let allowance = try fields.integerIfPresent("void_allowance", in: 0...Self.maxVoidAllowance)
        let alpha = try fields.integerIfPresent("alpha_nano", in: Self.alphaRange)
        var environments: [RuleEnvironment] = []
        for member in try fields.object("environments") {
            let name = try EnvironmentName(member.key)
            let terms = try EnvironmentTerms(parsing: member.value, path: "environments.\(name)")
            environments.append(RuleEnvironment(name: name, terms: terms))
        }
        let kind = try kindType.init(reading: &fields)
        try fields.finish()
        try self.init(
            kind: kind, environments: environments, stopping: stopping, voidAllowance: allowance ?? 0,
            alphaNano: alpha)
    }

    private static func kind(named fields: JSONFields) throws(InvalidValue) -> any RuleKind.Type {
        var fields = fields
        let names = RuleKinds.all.map { $0.name }
        let expected = names.joined(separator: " or ")
        let name = try fields.string("kind", expected: expected)
        guard let kind = RuleKinds.all.first(where: { $0.name == name }) else {
            throw InvalidValue(field: "kind", value: name, expected: expected)
        }
        return kind
    }

    private static func stopping(_ fields: inout JSONFields) throws(InvalidValue) -> Stopping {
        let expected = Stopping.allCases.map(\.rawValue).joined(separator: " or ")
        let name = try fields.string("stopping", expected: expected)
        guard let stopping = Stopping(rawValue: name) else {
            throw InvalidValue(field: "stopping", value: name, expected: expected)
        }
        return stopping
    }
}

extension EnvironmentTerms {
    fileprivate init(parsing json: ExactJSON, path: String) throws(InvalidValue) {
        let anywhere = -RuleDocument.maxBound...RuleDocument.maxBound
        var fields = try JSONFields(json, path: path)
        let lo = Score(nano: try fields.integer("lo_nano", in: anywhere))
        let hi = Score(nano: try fields.integer("hi_nano", in: anywhere))
        let margin = Score(nano: try fields.integer("margin_nano", in: Int64.min...Int64.max))
        let samplingCount = try fields.integer("sampling_count", in: 1...RuleDocument.maxSamplingCount)
        let multiplicative = try fields.integerIfPresent("tolerance_nano", in: 0...Score.unit)
        let additive = try fields.integerIfPresent("additive_tolerance_nano", in: 0...Int64.max)
        let critical = try fields.integerIfPresent("critical_micro", in: ConfidenceBound.range)
        let span = try fields.integerIfPresent("cluster_span", in: 1...Int64.max)
        var derived: TokenEfficiency?
        if let json = fields.takeIfPresent("derived") {
            derived = try TokenEfficiency(parsing: json, path: fields.name(of: "derived"))
        }
        try fields.finish()
        guard let bounds = ScoreBounds(lo: lo, hi: hi) else {
            throw InvalidValue(
                field: fields.name(of: "hi_nano"), value: String(hi.nano), expected: "more than lo_nano, \(lo.nano)")
        }
        guard multiplicative == nil || additive == nil else {
            throw InvalidValue(
                field: fields.name(of: Tolerance.fieldNames), value: "both", expected: "one of the two")
        }
        self.init(
            bounds: bounds, margin: margin, samplingCount: samplingCount,
            tolerance: multiplicative.map { .multiplicative(Score(nano: $0)) }
                ?? additive.map { .additive(Score(nano: $0)) },
            confidence: critical.map(ConfidenceBound.init), clusterSpan: span ?? 1, derived: derived)
    }

    /// Refuses terms that no contest could be held under.
    func check(path: String) throws(InvalidValue) {
        let limit = RuleDocument.maxBound
        guard bounds.lo.nano >= -limit, bounds.hi.nano <= limit else {
            throw InvalidValue(
                field: "\(path).bounds", value: bounds.description, expected: "within ±\(limit) nano-units")
        }
        let span = bounds.hi.nano - bounds.lo.nano
        guard 0 <= margin.nano, margin.nano < span else {
            throw InvalidValue(
                field: "\(path).margin_nano", value: String(margin.nano),
                expected: "0 ≤ margin_nano < hi_nano − lo_nano = \(span)")
        }
        guard (1...RuleDocument.maxSamplingCount).contains(samplingCount) else {
            throw InvalidValue(
                field: "\(path).sampling_count", value: String(samplingCount),
                expected: "1 to \(RuleDocument.maxSamplingCount)")
        }
        try tolerance?.check(path: path, span: span)
        try checkConfidence(path: path, span: span)
    }

    /// `PairedSums` squares what grows with n²(hi − lo).
    private func checkConfidence(path: String, span: Int64) throws(InvalidValue) {
        guard clusterSpan >= 1 else {
            throw InvalidValue(field: "\(path).cluster_span", value: String(clusterSpan), expected: "1 or more")
        }
        guard let confidence else { return }
        guard ConfidenceBound.range.contains(confidence.criticalMicro) else {
            throw InvalidValue(
                field: "\(path).critical_micro", value: String(confidence.criticalMicro),
                expected: "\(ConfidenceBound.range.lowerBound) to \(ConfidenceBound.range.upperBound)")
        }
        guard samplingCount >= 2, Int128(samplingCount) * Int128(samplingCount) * Int128(span) < 1 << 62 else {
            throw InvalidValue(
                field: "\(path).sampling_count", value: String(samplingCount),
                expected: "at least 2 and, squared and times hi_nano − lo_nano, less than 2^62: critical_micro needs it"
            )
        }
    }

    var json: ExactJSON {
        var members: [ExactJSON.Member] = [
            .init("lo_nano", .integer(bounds.lo.nano)), .init("hi_nano", .integer(bounds.hi.nano)),
            .init("margin_nano", .integer(margin.nano)), .init("sampling_count", .integer(samplingCount)),
        ]
        switch tolerance {
        case .multiplicative(let part): members.append(.init("tolerance_nano", .integer(part.nano)))
        case .additive(let distance): members.append(.init("additive_tolerance_nano", .integer(distance.nano)))
        case nil: break
        }
        if let confidence { members.append(.init("critical_micro", .integer(confidence.criticalMicro))) }
        if clusterSpan != 1 { members.append(.init("cluster_span", .integer(clusterSpan))) }
        if let derived { members.append(.init("derived", derived.json)) }
        return .object(members)
    }
}

extension Tolerance {
    /// Both fields that can hold a tolerance, for errors about having none or too many.
    static let fieldNames = "tolerance_nano/additive_tolerance_nano"

    fileprivate func check(path: String, span: Int64) throws(InvalidValue) {
        let (field, value, most) =
            switch self {
            case .multiplicative(let part): ("tolerance_nano", part.nano, Score.unit)
            case .additive(let distance): ("additive_tolerance_nano", distance.nano, span)
            }
        guard (0...most).contains(value) else {
            throw InvalidValue(field: "\(path).\(field)", value: String(value), expected: "0 to \(most)")
        }
    }
}
