internal import Glibc
internal import Subprocess
internal import SystemPackage

/// Runs untrusted Python programs under bubblewrap: no network, no files but the interpreter's, and bounded time, memory,
/// processes and output. There is no unsandboxed way to run one.
///
/// Any number of runs may be asked for at once; `width` of them are served at a time. One value serves a whole process.
public struct Sandbox: Sendable {
    /// The most bytes that a program, or its input, may have.
    public static let maximumBytes = 256 << 10

    public let limits: SandboxLimits
    private let bubblewrap: String
    private let python: String
    private let gate: SandboxGate

    /// - Parameter python: must lie under `/usr/bin`: the box holds no other interpreter.
    public init(
        limits: SandboxLimits = SandboxLimits(), width: Int = 4, bubblewrap: String = "/usr/bin/bwrap",
        python: String = "/usr/bin/python3"
    ) {
        self.limits = limits
        self.bubblewrap = bubblewrap
        self.python = python
        gate = SandboxGate(width: width)
    }

    /// Proves that the sandbox works by running a program in it.
    public func check() async throws {
        let result = try await run(program: Array("print(input())".utf8), input: Array("works\n".utf8))
        guard case .finished(let stdout, _, 0) = result, stdout == Array("works\n".utf8) else {
            throw SandboxError.failedToStart("a program that prints its input gave \(result)")
        }
    }

    /// Runs one program on one input, and ends it with everything it started.
    ///
    /// - Throws: `SandboxError` when the box could not be made, `CancellationError` when the task was cancelled.
    public func run(program: [UInt8], input: [UInt8]) async throws -> SandboxResult {
        precondition(max(program.count, input.count) <= Self.maximumBytes, "callers refuse larger programs and inputs")
        try requireInstalled()
        return try await gate.withPlace {
            let result: SandboxResult
            do {
                result = try await runInBox(Array("\(program.count)\n".utf8) + program + input)
            } catch let error as SubprocessError {
                try Task.checkCancellation()
                throw SandboxError.failedToStart("\(error)")
            }
            try Task.checkCancellation()
            return result
        }
    }

    private func requireInstalled() throws(SandboxError) {
        guard access(bubblewrap, X_OK) == 0 else {
            throw .unavailable("\(bubblewrap) is missing; on Debian: apt-get install bubblewrap")
        }
        guard access(python, X_OK) == 0 else {
            throw .unavailable("\(python) is missing; on Debian: apt-get install python3")
        }
    }

    private func runInBox(_ message: [UInt8]) async throws -> SandboxResult {
        var options = PlatformOptions()
        options.processGroupID = 0
        if geteuid() == 0 {
            // The kernel never limits the number of root's processes, not even inside a user namespace.
            options.userID = 65534
            options.groupID = 65534
            options.supplementaryGroups = []
        }
        let run = try await Subprocess.run(
            .path(FilePath(SandboxCommand.shell)),
            arguments: Arguments(SandboxCommand.arguments(bubblewrap: bubblewrap, python: python, limits: limits)),
            environment: .custom([:]), workingDirectory: "/", platformOptions: options,
            input: .inputWriter, output: .sequence, error: .sequence
        ) { execution in
            try await SandboxWatch(limits: limits).watch(execution, message: message)
        }
        return try Self.result(of: run.closureResult, status: run.terminationStatus)
    }

    private static func result(of seen: SandboxWatch.Seen, status: TerminationStatus) throws(SandboxError) -> SandboxResult {
        guard seen.hasStarted else {
            throw .failedToStart(seen.isLate ? "no sign of life in time" : TextTools.excerpt(seen.stderr))
        }
        if seen.isOverLimit { return .outputTooLarge }
        if seen.isLate { return .timedOut }
        switch status {
        case .exited(let code) where code == 128 + SIGXCPU: return .timedOut
        case .exited(let code) where code > 128: return .killed(signal: Int(code) - 128)
        case .exited(let code): return .finished(stdout: seen.stdout, stderr: seen.stderr, exitCode: Int(code))
        case .signaled(let signal): return .killed(signal: Int(signal))
        }
    }
}
