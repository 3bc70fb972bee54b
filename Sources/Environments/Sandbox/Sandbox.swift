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
        let run = try await Subprocess.run(
            .path(FilePath(SandboxCommand.shell)),
            arguments: Arguments(
                SandboxCommand.arguments(
                    bubblewrap: bubblewrap, python: python, limits: limits, isRoot: geteuid() == 0)),
            environment: .custom([:]), workingDirectory: "/", platformOptions: options,
            input: .fileDescriptor(Self.anonymousFile(message), closeAfterSpawningProcess: true), output: .sequence,
            error: .sequence
        ) { execution in
            try await SandboxWatch(limits: limits).watch(execution)
        }
        return try Self.result(of: run.closureResult, status: run.terminationStatus)
    }

    /// Carries the message to the box. A pipe would not do: writing to one whose reader has died raises SIGPIPE, which
    /// ends the whole process.
    private static func anonymousFile(_ message: [UInt8]) throws(SandboxError) -> FileDescriptor {
        var failure: any Error = Errno.noSuchFileOrDirectory
        for folder in ["/dev/shm", "/tmp"] {
            let path = FilePath("\(folder)/affine-sandbox-\(UInt64.random(in: 0 ... .max))")
            do {
                let file = try FileDescriptor.open(
                    path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
                unlink(path.string)
                do {
                    try file.writeAll(message)
                    try file.seek(offset: 0, from: .start)
                    return file
                } catch {
                    try? file.close()
                    failure = error
                }
            } catch {
                failure = error
            }
        }
        throw .failedToStart("no temporary file could be written: \(failure)")
    }

    private static func result(of seen: SandboxWatch.Seen, status: TerminationStatus) throws(SandboxError)
        -> SandboxResult
    {
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
