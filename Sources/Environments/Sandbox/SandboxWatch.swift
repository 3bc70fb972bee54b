internal import Subprocess

/// Reads what one boxed process prints, and ends it when it breaks a limit.
struct SandboxWatch: Sendable {
    /// What was seen of a process until both its streams ended.
    struct Seen: Sendable {
        var stdout: [UInt8] = []
        var stderr: [UInt8] = []
        /// The launcher handed over to the program.
        var hasStarted = false
        var isLate = false
        var isOverLimit = false
    }

    typealias Process = Execution<FileDescriptorInput, SequenceOutput, SequenceOutput>

    private enum Event: Sendable {
        case started, notStarted, startIsOverdue, endIsOverdue, stdout(Stream), stderr(Stream)
    }

    private struct Stream: Sendable {
        var bytes: [UInt8] = []
        var isOverLimit = false
    }

    let limits: SandboxLimits

    func watch(_ process: Process) async throws -> Seen {
        let (starts, start) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        return try await withThrowingTaskGroup(of: Event.self) { group in
            group.addTask { .stdout(try await collect(process.standardOutput, from: process) { start.yield() }) }
            group.addTask { .stderr(try await collect(process.standardError, from: process) {}) }
            group.addTask {
                var iterator = starts.makeAsyncIterator()
                return await iterator.next() == nil ? .notStarted : .started
            }
            group.addTask { await after(limits.start, .startIsOverdue) }
            return try await follow(&group, process)
        }
    }

    private func follow(_ group: inout ThrowingTaskGroup<Event, any Error>, _ process: Process) async throws -> Seen {
        var seen = Seen()
        var openStreams = 2
        while openStreams > 0, let event = try await group.next() {
            switch event {
            case .notStarted: break
            case .started:
                seen.hasStarted = true
                group.addTask { await after(limits.wallClock, .endIsOverdue) }
            case .startIsOverdue where !seen.hasStarted, .endIsOverdue:
                if !Task.isCancelled { seen.isLate = true }
                end(process)
            case .startIsOverdue: break
            case .stdout(let stream):
                openStreams -= 1
                seen.hasStarted = stream.bytes.first == SandboxCommand.startMark
                seen.stdout = Array(stream.bytes.dropFirst())
                seen.isOverLimit = seen.isOverLimit || stream.isOverLimit
            case .stderr(let stream):
                openStreams -= 1
                seen.stderr = stream.bytes
                seen.isOverLimit = seen.isOverLimit || stream.isOverLimit
            }
        }
        group.cancelAll()
        // The box keeps both streams open: that they ended means that all in it did, whatever the program closed.
        return seen
    }

    private func collect(
        _ output: SubprocessOutputSequence, from process: Process, onFirstByte: @Sendable () -> Void
    ) async throws -> Stream {
        var stream = Stream()
        for try await buffer in output where !stream.isOverLimit {
            if stream.bytes.isEmpty { onFirstByte() }
            let room = limits.outputBytes + 1 - stream.bytes.count
            buffer.withUnsafeBytes { stream.bytes.append(contentsOf: $0.prefix(room)) }
            if stream.bytes.count > limits.outputBytes {
                stream.isOverLimit = true
                end(process)
            }
        }
        return stream
    }

    /// Ends the outermost process of the box; the kernel then ends everything inside, since its first process is gone.
    private func end(_ process: Process) {
        try? process.send(signal: .kill, toProcessGroup: true)
    }

    private func after(_ limit: Duration, _ event: Event) async -> Event {
        try? await Task.sleep(for: limit)
        return event
    }
}
