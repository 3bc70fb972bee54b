import FoundationEssentials
import Subprocess
import SystemPackage
import Testing

/// SciPy, asked through `statistics_check.py`.
enum Reference {
    /// Compares values with the reference's answers, one line each, to 1e-9 relative.
    static func expect(_ questions: [(line: String, values: [Double])]) async throws {
        let answers = try await answers(to: questions.map(\.line))
        #expect(answers.count == questions.count)
        for (question, answer) in zip(questions, answers) {
            let agrees = question.values.count == answer.count && zip(question.values, answer).allSatisfy(isClose)
            if !agrees { Issue.record("\(question.line.prefix(200)): \(question.values) is not \(answer)") }
        }
    }

    static func answers(to lines: [String]) async throws -> [[Double]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let root = folder.deletingLastPathComponent().deletingLastPathComponent()
        // What scripts/install-scipy made, where the machine's own Python has no SciPy.
        let own = root.appending(path: ".build/python/bin/python3").path
        let result = try await run(
            FileManager.default.isExecutableFile(atPath: own) ? .path(FilePath(own)) : .name("python3"),
            arguments: [folder.appending(path: "statistics_check.py").path],
            input: .string(lines.joined(separator: "\n") + "\n"), output: .string(limit: 1 << 24),
            error: .string(limit: 1 << 16))
        try #require(result.terminationStatus.isSuccess, "\(result.standardError)")
        return result.standardOutput.split(separator: "\n").map { line in
            line.split(separator: " ").map { Double($0) ?? .nan }
        }
    }

    /// Below 1e-200 SciPy 1.17 itself is off, by up to 1e-6 relative where 60 digits of mpmath agree with us to 1e-13.
    static func isClose(_ value: Double, _ reference: Double) -> Bool {
        if abs(reference) < 1e-200 { return abs(value) < 1.1e-200 }
        return value == reference || abs(value - reference) <= 1e-9 * abs(reference)
    }
}
