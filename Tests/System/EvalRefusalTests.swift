import TestSupport
import Testing

/// A command line that is refused before anything is asked.
private struct RefusedEval: CustomTestStringConvertible, Sendable {
    let arguments: [String]
    let message: String
    let exitCode: Int32

    /// - Parameter replaced: Options that take the place of those of a command line that is in order; nil leaves one out.
    init(_ replaced: [String: String?], _ message: String, exitCode: Int32 = 1) {
        let sound = ["--env": "abd", "--model": "m", "--base-url": "http://127.0.0.1:1/v1", "--tasks": "0..<2"]
        let options = sound.merging(replaced.mapValues { $0 ?? "" }) { $1 }.filter { !$0.value.isEmpty }
        arguments = ["eval"] + options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        self.message = message
        self.exitCode = exitCode
    }

    var testDescription: String { "af " + arguments.joined(separator: " ") }

    static let all = [
        RefusedEval(["--env": nil], "which environment? Give --env; --list shows those", exitCode: 64),
        RefusedEval(["--model": nil], "which model? Give --model or --uid, and only one of them", exitCode: 64),
        RefusedEval(["--uid": "7"], "which model? Give --model or --uid, and only one of them", exitCode: 64),
        RefusedEval(["--base-url": nil], "where is the model served? Give --base-url", exitCode: 64),
        RefusedEval(["--tasks": nil], "which tasks? Give --tasks 0..<20, or --samples 20", exitCode: 64),
        RefusedEval(["--concurrency": "0"], "--concurrency '0' is not valid: expected 1 to 10000", exitCode: 64),
        RefusedEval(["--attempts": "101"], "--attempts '101' is not valid: expected 1 to 100", exitCode: 64),
        RefusedEval(["--timeout": "0"], "--timeout '0' is not valid: expected 1 to 86400", exitCode: 64),
        RefusedEval(["--env": "chess"], "environment 'chess' is not valid: expected abd, ABD-V2, ded, DED-V2, or"),
        RefusedEval(["--env": "lgc=ftp://host"], "environment's server 'ftp://host' is not valid: expected an http"),
        RefusedEval(["--env": "x=http://h", "--lo": "2"], "score bounds '2 to 1' is not valid: expected two decimal"),
        RefusedEval(["--difficulty": "10"], "difficulty '10' is not valid: expected 0 to 9"),
        RefusedEval(["--parameter": "x"], "parameter 'x' is not valid: expected key=value"),
        RefusedEval(["--tasks": "5..<5"], "tasks '5..<5' is not valid: expected numbers of 0 or more such as 0..<20"),
        RefusedEval(["--tasks": "1,,2"], "tasks '' is not valid: expected numbers of 0 or more such as 0..<20"),
        RefusedEval(["--tasks": "0..<200000"], "tasks '0..<200000' is not valid: expected at most 100000: --samples"),
        RefusedEval(["--samples": "3"], "samples '3' is not valid: expected 1 to 2"),
        RefusedEval(["--samples": "1", "--tasks": "1,2"], "samples '1' is not valid: expected one range of --tasks"),
        RefusedEval(["--output": "r.txt"], "--output 'r.txt' is not valid: expected a name that ends with .csv"),
        RefusedEval(["--output": "/dev/null/r.csv"], "'/dev/null/r.csv' can't be written: "),
        RefusedEval(["--base-url": "nonsense"], "base URL 'nonsense' is not valid: expected an http or https URL"),
        RefusedEval(["--temperature": "3"], "temperature '3.0' is not valid: expected 0 to 2"),
        RefusedEval(
            ["--model": nil, "--uid": "7", "--api": "nowhere"], "arena's API 'nowhere' is not valid: expected"),
    ]
}

@Suite(.timeLimit(.minutes(10))) struct EvalRefusalTests {
    @Test(
        "What can't be evaluated is refused with one line that names the value and what is allowed",
        arguments: RefusedEval.all)
    private func refusals(_ refused: RefusedEval) async throws {
        let ended = try await Program.run(refused.arguments)
        #expect(ended.exitCode == refused.exitCode)
        #expect(ended.output.isEmpty)
        let first = try #require(ended.complaints.first)
        #expect(first.hasPrefix("Error: ") && first.contains(refused.message), "\(first)")
    }
}
