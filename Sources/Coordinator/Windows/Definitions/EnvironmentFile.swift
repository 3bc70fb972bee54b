public import Domain
internal import HTTPClient
internal import Rules
internal import Yams

/// Definitions of environments that somebody wrote down: YAML, of which JSON is a part, in one or several documents.
public enum EnvironmentFile {
    /// - Throws: `InvalidValue` naming the file, the line, the field, its value and what is allowed.
    public static func read(_ text: String, from file: String) throws(InvalidValue) -> [EnvironmentDefinition] {
        var documents: [Node] = []
        do {
            let parser = try Parser(yaml: text)
            while let document = try parser.nextRoot() { documents.append(document) }
        } catch {
            throw InvalidValue(field: file, value: "\(error)", expected: "YAML or JSON")
        }
        guard !documents.isEmpty else {
            throw InvalidValue(field: file, value: "", expected: "at least one definition of an environment")
        }
        var definitions: [EnvironmentDefinition] = []
        for document in documents { definitions.append(try EnvironmentDefinition(document, file: file)) }
        return definitions
    }

    /// The environments that the network is known to use, as they ship with the program.
    public static func known() throws(InvalidValue) -> [EnvironmentDefinition] {
        try read(
            String(decoding: PackageResources.known_environments_yaml, as: UTF8.self), from: "known-environments.yaml")
    }
}

extension EnvironmentDefinition {
    private static let names = [
        "name", "kind", "base_url", "container", "margin", "sampling_count", "ranges", "range_source", "selection",
        "lo", "hi",
        "timeout", "temperature", "max_attempts", "run_length", "cluster_span", "derived_from", "token_budget",
        "tolerance", "additive_tolerance",
        "parameters",
    ]

    fileprivate init(_ node: Node, file: String) throws(InvalidValue) {
        let fields = try DefinitionFields(node, file: file, allowed: Self.names)
        guard let text = try fields.text("name") else { throw fields.invalid("name", "the environment's name") }
        let name: EnvironmentName
        do { name = try EnvironmentName(text) } catch { throw fields.invalid("name", error.expected) }
        guard let kind: Kind = try fields.choice("kind") else {
            throw fields.invalid("kind", "one of " + Kind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        let lo = try fields.score("lo") ?? .zero
        guard let bounds = ScoreBounds(lo: lo, hi: try fields.score("hi") ?? .one) else {
            throw fields.invalid("hi", "more than lo, which is \(lo)")
        }
        self.init(
            name: name, kind: kind, baseURL: try Self.url(fields, "base_url"),
            container: try ContainerSettings(fields), bounds: bounds,
            margin: try fields.score("margin") ?? Score(nano: 30_000_000),
            samplingCount: try fields.integer("sampling_count") ?? 300, datasetRanges: try Self.ranges(fields),
            selection: try fields.choice("selection") ?? .random,
            timeout: try fields.value("timeout", "seconds") { Int64($0).map { .seconds($0) } } ?? .seconds(600),
            temperature: try fields.value("temperature", "a number") { Double($0) } ?? 0,
            maximumAttempts: try fields.integer("max_attempts") ?? 3, runLength: try Self.runLength(fields),
            clusterSpan: try fields.integer("cluster_span") ?? 1, tolerance: try Self.tolerance(fields),
            derived: try Self.derived(fields), rangeSource: try Self.rangeSource(fields),
            parameters: try fields.members("parameters") ?? [:])
        do { try check() } catch { throw fields.placed(error) }
    }

    /// Reads `0..<1000`.
    ///
    /// - Throws: `InvalidValue` unless there are two numbers, the first below the second.
    public static func range(_ text: String) throws(InvalidValue) -> Range<Int64> {
        let ends = text.split(separator: "..<", omittingEmptySubsequences: false).map { Int64($0) }
        guard ends.count == 2, let lower = ends[0], let upper = ends[1], lower < upper else {
            throw InvalidValue(
                field: "range", value: text, expected: "two task ids such as 0..<1000, the first below the second")
        }
        return lower..<upper
    }

    private static func ranges(_ fields: DefinitionFields) throws(InvalidValue) -> [Range<Int64>] {
        var ranges: [Range<Int64>] = []
        for text in try fields.texts("ranges") ?? ["0..<1000000"] {
            do { ranges.append(try range(text)) } catch {
                throw fields.placed(InvalidValue(field: "ranges", value: text, expected: error.expected))
            }
        }
        return ranges
    }

    private static func runLength(_ fields: DefinitionFields) throws(InvalidValue) -> Int16? {
        guard let text = try fields.text("run_length"), text != "auto" else { return nil }
        guard let jobs = Int16(text) else { throw fields.invalid("run_length", "auto, or 1 to 1000") }
        return jobs
    }

    private static func tolerance(_ fields: DefinitionFields) throws(InvalidValue) -> Tolerance? {
        let (part, distance) = (try fields.score("tolerance"), try fields.score("additive_tolerance"))
        guard part == nil || distance == nil else {
            throw fields.invalid("additive_tolerance", "none beside tolerance: one of the two")
        }
        return part.map { .multiplicative($0) } ?? distance.map { .additive($0) }
    }

    private static func derived(_ fields: DefinitionFields) throws(InvalidValue) -> TokenEfficiency? {
        let budget: Int64? = try fields.integer("token_budget")
        guard let text = try fields.text("derived_from") else {
            guard budget == nil else { throw fields.invalid("token_budget", "none without derived_from") }
            return nil
        }
        guard let source = EnvironmentName(rawValue: text) else {
            throw fields.invalid("derived_from", "an environment's name")
        }
        guard let budget else { throw fields.invalid("token_budget", "tokens of one task that score 0") }
        return TokenEfficiency(source: source, tokenBudget: budget)
    }

    private static func rangeSource(_ fields: DefinitionFields) throws(InvalidValue) -> RangeSource? {
        guard let source = try fields.fields("range_source", allowed: ["url", "field"]) else { return nil }
        guard let url = try url(source, "url", allowsQuery: true) else {
            throw source.invalid("url", "an http or https URL")
        }
        return RangeSource(url: url, field: try source.text("field") ?? "count")
    }

    private static func url(
        _ fields: DefinitionFields, _ name: String, allowsQuery: Bool = false
    ) throws(InvalidValue) -> String? {
        guard let text = try fields.text(name) else { return nil }
        guard let url = try? EndpointURL(text), allowsQuery || !url.hasQueryOrFragment else {
            throw fields.placed(
                InvalidValue(
                    field: name, value: EndpointURL.redacted(malformed: text),
                    expected: "an http or https URL" + (allowsQuery ? "" : " without query and fragment")))
        }
        return text
    }
}

extension ContainerSettings {
    private static let names = [
        "image", "memory", "cpus", "pids", "read_only", "port", "env", "secrets", "replicas", "idle", "start",
    ]

    /// Nil when the definition has no container.
    fileprivate init?(_ definition: DefinitionFields) throws(InvalidValue) {
        guard let fields = try definition.fields("container", allowed: Self.names) else { return nil }
        guard let image = try fields.text("image") else {
            throw fields.invalid("image", "name:tag, or better name@sha256:…")
        }
        self.init(image: image)
        let size = "bytes, or a number with k, m or g for KiB, MiB or GiB"
        memoryBytes = try fields.value("memory", size, Self.bytes) ?? memoryBytes
        nanoCPUs = try fields.value("cpus", "a number of processors such as 2 or 0.5") { Score(decimal: $0)?.nano }
        pidsLimit = try fields.integer("pids") ?? pidsLimit
        isReadOnly = try fields.boolean("read_only") ?? isReadOnly
        port = try fields.integer("port") ?? port
        secrets = try fields.texts("secrets") ?? secrets
        replicas = try fields.integer("replicas") ?? replicas
        idleSeconds = try fields.integer("idle") ?? idleSeconds
        startSeconds = try fields.integer("start") ?? startSeconds
        for (name, value) in try fields.members("env") ?? [:] {
            switch value {
            case .string(let text): variables[name] = text
            case .integer(let number): variables[name] = String(number)
            default: throw fields.invalid("env", "names with texts: '\(name)' has none, put it in quotes")
            }
        }
    }

    private static func bytes(_ text: String) -> Int64? {
        let shift = text.last.flatMap { ["k": 10, "m": 20, "g": 30][$0] }
        guard let number = Int64(shift == nil ? text[...] : text.dropLast()), number >= 0,
            number < 1 << 33 || shift == nil
        else { return nil }
        let (bytes, isTooMuch) = number.multipliedReportingOverflow(by: 1 << (shift ?? 0))
        return isTooMuch ? nil : bytes
    }
}
