import Subprocess

/// A program of the system's.
enum Tool {
    /// Runs it to its end; returns what it said, without the last line's end.
    ///
    /// - Throws: `ScenarioError` with its complaint when it did not succeed.
    @discardableResult
    static func run(_ command: [String]) async throws -> String {
        let result = try await Subprocess.run(
            .name(command[0]), arguments: Arguments(Array(command.dropFirst())), input: .none,
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        guard result.terminationStatus.isSuccess else {
            throw ScenarioError("\(command.joined(separator: " ")): \(result.standardError)")
        }
        return result.standardOutput.hasSuffix("\n") ? String(result.standardOutput.dropLast()) : result.standardOutput
    }
}
