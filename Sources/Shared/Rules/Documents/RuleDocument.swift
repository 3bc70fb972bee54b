public import Digest
public import Domain

/// What a contest is decided under: a kind, the environments with their terms, and when to stop. It is named by the
/// SHA-256 of its canonical bytes, and frozen when the contest opens.
public struct RuleDocument: Sendable {
    /// When a contest ends.
    public enum Stopping: String, Hashable, Sendable, CaseIterable {
        /// When every task of the slate is settled.
        case full
        /// As soon as nothing that is still unknown can change the verdict.
        case exact
        /// Also as soon as the evidence in each environment is stronger than 1/alpha to 1.
        case anytime
    }

    public static let maxEnvironments = 1_000
    public static let maxSamplingCount: Int64 = 1_000_000
    public static let maxVoidAllowance: Int64 = 1_000
    /// Bounds lie within ± this many nano-units, so that no mean or distance leaves `Int64`.
    public static let maxBound: Int64 = 1_000_000_000_000_000_000

    public let kind: any RuleKind
    /// Sorted by name.
    public let environments: [RuleEnvironment]
    public let stopping: Stopping
    /// How many of an environment's scores may yet turn out to be void: a contest stops early only once its verdict would
    /// stand without them, whichever they are.
    public let voidAllowance: Int64
    /// Of `anytime`: the probability, for each environment and side, of contradicting the full slate, in 1e-9.
    public let alphaNano: Int64?
    /// The document's only spelling: sorted keys, integers, no white space, ASCII.
    public let canonical: String
    /// SHA-256 of the canonical bytes.
    public let digest: SHA256Digest

    /// - Throws: `InvalidValue` that names field, value and what is allowed.
    public init(
        kind: any RuleKind, environments: [RuleEnvironment], stopping: Stopping, voidAllowance: Int64 = 0,
        alphaNano: Int64? = nil
    ) throws(InvalidValue) {
        let sorted = environments.sorted { $0.name < $1.name }
        guard (1...Self.maxEnvironments).contains(sorted.count) else {
            throw InvalidValue(
                field: "environments", value: "\(sorted.count) environments", expected: "1 to \(Self.maxEnvironments)")
        }
        for (environment, next) in zip(sorted, sorted.dropFirst()) where environment.name == next.name {
            throw InvalidValue(field: "environments", value: next.name.rawValue, expected: "each environment once")
        }
        for environment in sorted {
            try environment.terms.check(path: "environments.\(environment.name)")
        }
        try TokenEfficiency.check(sorted)
        guard 0...(stopping == .exact ? Self.maxVoidAllowance : 0) ~= voidAllowance else {
            throw InvalidValue(
                field: "void_allowance", value: String(voidAllowance),
                expected: "0 to \(Self.maxVoidAllowance), and 0 unless stopping is exact")
        }
        try kind.check(sorted)
        try Self.check(alphaNano, kind, sorted, stopping)
        self.kind = kind
        self.environments = sorted
        self.stopping = stopping
        self.voidAllowance = voidAllowance
        self.alphaNano = alphaNano
        canonical = Self.json(kind, sorted, stopping, voidAllowance, alphaNano).canonical
        digest = SHA256Digest(of: canonical)
    }

    /// The word in the document's `kind`.
    public var kindName: String { type(of: kind).name }

    /// The terms of an environment; nil when the rule does not name it.
    public func terms(of name: EnvironmentName) -> EnvironmentTerms? {
        environments.first { $0.name == name }?.terms
    }

    /// Whether sums of scores are all that the rule looks at.
    public var needsOnlySums: Bool {
        voidAllowance == 0 && stopping != .anytime && environments.allSatisfy { $0.terms.confidence == nil }
    }

    private static func check(
        _ alphaNano: Int64?, _ kind: any RuleKind, _ environments: [RuleEnvironment], _ stopping: Stopping
    ) throws(InvalidValue) {
        guard stopping == .anytime else {
            guard let alphaNano else { return }
            throw InvalidValue(
                field: "alpha_nano", value: String(alphaNano), expected: "none unless stopping is anytime")
        }
        guard let alphaNano, alphaRange.contains(alphaNano) else {
            throw InvalidValue(
                field: "alpha_nano", value: alphaNano.map(String.init) ?? "absent",
                expected:
                    "\(alphaRange.lowerBound) to \(alphaRange.upperBound), the chance to contradict the full slate")
        }
        guard kind is StrictMargin, environments.allSatisfy({ $0.terms.confidence == nil }) else {
            throw InvalidValue(
                field: "stopping", value: "anytime",
                expected: "strict_margin without critical_micro, which are what it can end")
        }
    }

    /// What `alphaNano` may be.
    public static let alphaRange: ClosedRange<Int64> = 1_000...500_000_000

    /// What is at its default is left out, so that a rule that does not use a later addition keeps its digest.
    private static func json(
        _ kind: any RuleKind, _ environments: [RuleEnvironment], _ stopping: Stopping, _ voidAllowance: Int64,
        _ alphaNano: Int64?
    ) -> ExactJSON {
        .object(
            kind.fields + [
                .init("kind", .string(type(of: kind).name)),
                .init("stopping", .string(stopping.rawValue)),
                .init("environments", .object(environments.map { .init($0.name.rawValue, $0.terms.json) })),
            ] + (voidAllowance == 0 ? [] : [.init("void_allowance", .integer(voidAllowance))])
                + (alphaNano.map { [.init("alpha_nano", .integer($0))] } ?? []))
    }
}

/// Two documents are the same rule when they are the same bytes.
extension RuleDocument: Hashable {
    public static func == (left: Self, right: Self) -> Bool { left.canonical == right.canonical }

    public func hash(into hasher: inout Hasher) { hasher.combine(canonical) }
}

/// Within another document a rule is its canonical text, so that no encoder can change its bytes.
extension RuleDocument: Codable {
    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(canonical)
    }
}
