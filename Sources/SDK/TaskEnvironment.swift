public import Domain
internal import EnvironmentCalls
internal import Environments
internal import HTTPClient
internal import Statistics

/// An environment to run tasks in: a kind of task with a scorer.
public struct TaskEnvironment: Sendable {
    public let name: EnvironmentName
    /// A score outside of them is the environment's fault.
    public let bounds: ScoreBounds
    /// The most time for one attempt at a task, from asking to the graded answer.
    public var timeout: Duration = .seconds(600)
    /// Handed to the environment as they are, such as `difficulty`.
    public var parameters: [String: JSONValue]
    let place: EnvironmentSettings.Place

    /// An environment that is built in, under any of its names and in any case: `abd`, `ABD` and `ABD-V2` are the same.
    /// Programs run in a sandbox on this machine, which needs bubblewrap and Python.
    ///
    /// - Parameter difficulty: 0 to 9; nil is 0.
    /// - Throws: `InvalidValue` naming `environment` or `difficulty`.
    public init(_ name: String, difficulty: Int? = nil) throws(InvalidValue) {
        guard let facts = EnvironmentFacts.builtin.first(where: { $0.isCalled(name) }) else {
            let known = EnvironmentFacts.builtin.flatMap { [$0.name.rawValue] + $0.aliases }.joined(separator: ", ")
            throw InvalidValue(field: "environment", value: name, expected: "\(known), or a server's name and URL")
        }
        if let difficulty, !facts.difficulties.contains(difficulty) {
            throw InvalidValue(
                field: "difficulty", value: String(difficulty),
                expected: "\(facts.difficulties.lowerBound) to \(facts.difficulties.upperBound)")
        }
        self.name = facts.name
        bounds = facts.bounds
        parameters = difficulty.map { ["difficulty": .integer(Int64($0))] } ?? [:]
        place = .builtin
    }

    /// An environment behind a server that speaks the affinetes protocol (`POST /call`).
    ///
    /// - Parameters:
    ///   - name: What each task's seed is derived from, with the task's number, where the model has none of its own.
    ///   - url: The server's base URL.
    /// - Throws: `InvalidValue` naming `environment` or `environment's server`.
    public init(
        _ name: String, server url: String, bounds: ScoreBounds = .zeroToOne, parameters: [String: JSONValue] = [:]
    ) throws(InvalidValue) {
        self.name = try EnvironmentName(name)
        guard let checked = try? EndpointURL(url), !checked.hasQueryOrFragment else {
            throw InvalidValue(
                field: "environment's server", value: EndpointURL.redacted(malformed: url),
                expected: "an http or https URL without query and fragment")
        }
        self.bounds = bounds
        self.parameters = parameters
        place = .url(url)
    }

    public var isBuiltin: Bool { place == .builtin }

    /// Tasks drawn at random without repeats, in ascending order: the same for the same arguments, on every machine.
    ///
    /// - Parameter count: All of the range if it has no more.
    public func draw(_ count: Int, from range: Range<Int64>, seed: UInt64 = 1) -> [Int64] {
        var generator = SeededGenerator(hashing: "affine/eval/\(name)/\(seed)")
        let width = UInt64(bitPattern: range.upperBound &- range.lowerBound)
        let wanted = min(UInt64(max(count, 0)), width)
        var drawn: Set<UInt64> = []
        // Floyd's sampling: Bentley and Floyd, A Sample of Brilliance, CACM 1987.
        for last in (width - wanted)..<width where !drawn.insert(generator.draw(below: last + 1)).inserted {
            drawn.insert(last)
        }
        return drawn.map { range.lowerBound &+ Int64(bitPattern: $0) }.sorted()
    }

    func settings(temperature: Double) -> EnvironmentSettings {
        EnvironmentSettings(
            name: name, place: place, bounds: bounds, timeout: timeout, temperature: temperature, parameters: parameters
        )
    }
}
