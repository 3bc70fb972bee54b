import Domain
import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage
import Testing

/// The program under test, as this build made it, run as a person would.
enum Program {
    /// How a run of the program ended.
    struct Ended: Sendable {
        /// 128 and more for a signal.
        var exitCode: Int32
        var output: String
        var errors: String

        /// The JSON document on the last line of standard output.
        func json() throws -> JSONValue {
            let last = output.split(separator: "\n").last ?? ""
            return try JSONDecoder().decode(JSONValue.self, from: Data(last.utf8))
        }

        /// Standard output as one JSON document.
        func document() throws -> JSONValue { try JSONDecoder().decode(JSONValue.self, from: Data(output.utf8)) }

        /// What was said beside the log: lines of the log begin with a date.
        var complaints: [Substring] {
            errors.split(separator: "\n").filter { $0.prefix(5).wholeMatch(of: /\d{4}-/) == nil }
        }
    }

    /// - Parameter name: Of an example, for another program than `af`.
    /// - Throws: `ProgramMissing` unless the program lies beside the test bundle.
    static func path(of name: String = "af") throws -> FilePath {
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let bundles = [own].compactMap(\.self) + CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
        let places = bundles.map { FilePath($0).removingLastComponent().appending(name) }
        guard let path = places.first(where: { FileManager.default.isExecutableFile(atPath: $0.string) }) else {
            throw ProgramMissing(places: places.map(\.string))
        }
        return path
    }

    /// Runs it to its end; nothing of the test's own environment reaches it.
    static func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> Ended {
        try await run(arguments, environment: environment)
    }

    static func run(
        _ arguments: [String], environment: [String: String] = [:], of program: String = "af"
    ) async throws -> Ended {
        let result = try await Subprocess.run(
            .path(path(of: program)), arguments: Arguments(arguments), environment: surroundings(environment),
            input: .none,
            output: .string(limit: 1 << 24), error: .string(limit: 1 << 24))
        return Ended(
            exitCode: result.terminationStatus.code, output: result.standardOutput,
            errors: result.standardError)
    }

    /// What `af up --json` says on its first line, which must come while the program runs.
    static func workerURL(_ output: SubprocessOutputSequence) async throws -> String {
        var text = ""
        for try await chunk in output {
            text += chunk.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            if text.contains("\n") { break }
        }
        let line = try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
        return try #require(line["worker_database_url"])
    }

    static func surroundings(_ more: [String: String] = [:]) -> Environment {
        var values = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C"]
        values.merge(more) { $1 }
        return .custom(Dictionary(uniqueKeysWithValues: values.map { (.init(stringLiteral: $0.key), $0.value) }))
    }
}

struct ProgramMissing: Error, CustomStringConvertible {
    let places: [String]

    var description: String { "there is no program at \(places): 'swift build' makes it" }
}

extension TerminationStatus {
    /// As a shell tells it.
    var code: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }
}
