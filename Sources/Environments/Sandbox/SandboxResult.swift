/// How a program ended inside the sandbox. Everything here is the program's doing; the sandbox's own failures throw.
public enum SandboxResult: Hashable, Sendable {
    /// It ended by itself. Both streams are raw bytes: a program may print what is no UTF-8.
    case finished(stdout: [UInt8], stderr: [UInt8], exitCode: Int)
    /// It was still running at the wall-clock limit, or it used up its processor time.
    case timedOut
    /// It printed more than `SandboxLimits.outputBytes` on one stream and was ended for it.
    case outputTooLarge
    /// A signal ended it: 9 most likely the kernel's memory guard, 11 a crash. A program can also say so itself, by its
    /// exit code; no score depends on the difference.
    case killed(signal: Int)
}

/// Why the sandbox could not run a program, which is never the program's fault.
public enum SandboxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Something the sandbox needs is not installed; the text says how to install it.
    case unavailable(String)
    /// Everything is there, but the program was never started; the text is what bubblewrap said.
    case failedToStart(String)

    public var description: String {
        switch self {
        case .unavailable(let detail): "the sandbox is not available: \(detail)"
        case .failedToStart(let detail): "the sandbox did not start: \(detail)"
        }
    }
}

/// What a program may use up.
public struct SandboxLimits: Hashable, Sendable {
    /// From the program's own first instruction to its end; the sandbox's start is not charged to it.
    public var wallClock: Duration
    /// Processor time of each process.
    public var processorSeconds: Int
    /// Address space of each process.
    public var memoryBytes: Int
    /// Processes and threads together, the sandbox's two included.
    public var processes: Int
    /// Of standard output, and the same again of standard error.
    public var outputBytes: Int
    /// From asking the operating system to the program's first instruction.
    public var start: Duration

    public init(
        wallClock: Duration = .seconds(10), processorSeconds: Int = 4, memoryBytes: Int = 256 << 20,
        processes: Int = 16,
        outputBytes: Int = 256 << 10, start: Duration = .seconds(30)
    ) {
        self.wallClock = wallClock
        self.processorSeconds = processorSeconds
        self.memoryBytes = memoryBytes
        self.processes = processes
        self.outputBytes = outputBytes
        self.start = start
    }
}
