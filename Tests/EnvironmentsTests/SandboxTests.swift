import Environments
import Glibc
import Testing

/// Attacks on the sandbox. All of them must end within the limits, and none may reach anything outside.
@Suite struct SandboxTests {
    private static let shared = Sandbox(limits: SandboxLimits(wallClock: .seconds(3), processorSeconds: 2), width: 2)

    private func run(_ program: String, input: String = "", in sandbox: Sandbox = shared) async throws -> SandboxResult
    {
        try await sandbox.run(program: Array(program.utf8), input: Array(input.utf8))
    }

    private func output(_ program: String, input: String = "") async throws -> String {
        guard case .finished(let stdout, let stderr, let code) = try await run(program, input: input) else {
            return "?"
        }
        return String(decoding: stdout, as: UTF8.self) + (code == 0 ? "" : String(decoding: stderr, as: UTF8.self))
    }

    @Test func aProgramReadsItsInputAndItsExitCodeComesBack() async throws {
        let result = try await run(
            "import sys; print(input()[::-1]); print('e', file=sys.stderr); sys.exit(3)", input: "abc\n")
        #expect(result == .finished(stdout: Array("cba\n".utf8), stderr: Array("e\n".utf8), exitCode: 3))
    }

    /// Runs a program without waiting for other tests' runs, and says how long that took.
    private func timed(_ program: String) async throws -> (result: SandboxResult, time: Duration) {
        let sandbox = Sandbox(limits: Self.shared.limits, width: 1)
        let start = ContinuousClock.now
        return (try await run(program, in: sandbox), ContinuousClock.now - start)
    }

    @Test func checkPassesWhereTheSandboxWorks() async throws {
        try await Self.shared.check()
    }

    @Test func hashesAreTheSameInEveryRun() async throws {
        let first = try await output("print(hash('a'), list({'x', 'y', 'z', 'w'}))")
        #expect(try await output("print(hash('a'), list({'x', 'y', 'z', 'w'}))") == first)
    }

    @Test(arguments: [
        "open('/etc/passwd').read()", "open('/root/.profile').read()", "open('/proc/self/environ').read()",
        "open('/outside', 'w')", "open('/usr/lib/outside', 'w')", "open('/dev/shm/x', 'w')",
        "import socket; socket.create_connection(('127.0.0.1', 22), 1)",
        "import socket; socket.create_connection(('1.1.1.1', 53), 1)", "import os; os.kill(-1, 0)",
        "import os; os.setuid(0)", "import ctypes, os; assert ctypes.CDLL(None).unshare(0x10000000) == 0",
        "import os; [os.fork() or os.read(os.pipe()[0], 1) for _ in range(40)]",
    ]) func whatIsOutsideCannotBeReached(attack: String) async throws {
        let program = """
            try:
                \(attack)
                print('reached')
            except BaseException as error:
                print('refused')
            """
        #expect(try await output(program) == "refused\n")
    }

    @Test func theEnvironmentIsEmptyOfOurs() async throws {
        setenv("SANDBOX_TEST_SECRET", "hunter2", 1)
        #expect(!(try await output("import os; print(dict(os.environ))")).contains("hunter2"))
    }

    @Test(arguments: [
        "while True: pass",
        "import time; time.sleep(600)",
        "import sys, time; sys.stdout.write('partial'); sys.stdout.flush(); time.sleep(600)",
        "import os, time; os.close(1); os.close(2); time.sleep(600)",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
        "import os, time; os.fork(); os.fork(); time.sleep(600)",
    ]) func whatDoesNotEndIsEndedOnTime(program: String) async throws {
        let (result, time) = try await timed(program)
        #expect(result == .timedOut)
        #expect(time < .seconds(120))
    }

    @Test func aForkBombIsContained() async throws {
        let bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
        let (result, time) = try await timed(bomb)
        #expect(result == .timedOut)
        #expect(time < .seconds(120))
    }

    @Test(arguments: ["print", "import sys; sys.stderr.write"]) func endlessOutputIsCut(write: String) async throws {
        let parts = write.split(separator: ";")
        let program = "\(parts.count > 1 ? String(parts[0]) : "pass")\nwhile True: \(parts.last ?? "")('x' * 1000)"
        #expect(try await run(program) == .outputTooLarge)
    }

    @Test func aMemoryHogFails() async throws {
        let result = try await run("a = bytearray(1 << 30)")
        guard case .finished(_, let stderr, 1) = result else {
            Issue.record("expected a MemoryError, got \(result)")
            return
        }
        #expect(String(decoding: stderr, as: UTF8.self).contains("MemoryError"))
    }

    @Test func aDiskHogFails() async throws {
        let program = """
            import sys
            try:
                for i in range(64): open(f'/tmp/{i}', 'wb').write(b'x' * 1000000)
                print('wrote all')
            except OSError: print('full')
            """
        #expect(try await output(program) == "full\n")
    }

    @Test func aChildLeftBehindDiesWithItsParent() async throws {
        // The mark is this process's own, so that other runs of the tests are not mistaken for it.
        let mark = "left-behind-\(getpid())"
        let program = """
            import os, time
            if os.fork() == 0:
                os.execv('/usr/bin/python3', ['python3', '-c', 'import time; time.sleep(600)', '\(mark)'])
            time.sleep(0.3)
            print('parent ends')
            """
        let (result, time) = try await timed(program)
        #expect(result == .finished(stdout: Array("parent ends\n".utf8), stderr: [], exitCode: 0))
        #expect(time < .seconds(120))
        #expect(try await Processes.vanish(commandLineContaining: mark))
    }

    @Test func aCancelledRunEndsAtOnceAndLeavesNothing() async throws {
        let mark = "cancelled-\(getpid())"
        let sandbox = Sandbox(limits: SandboxLimits(wallClock: .seconds(600), processorSeconds: 600))
        let program =
            "import os\nos.execv('/usr/bin/python3', ['python3', '-c', 'import time; time.sleep(600)', '\(mark)'])"
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await run(program, in: sandbox)) == nil }
            let hasStarted = try await Processes.appear(commandLineContaining: mark)
            #expect(hasStarted)
            group.cancelAll()
            let wasCancelled = try await group.next()
            #expect(wasCancelled == true)
        }
        #expect(try await Processes.vanish(commandLineContaining: mark))
    }

    @Test func aKilledProgramSaysSo() async throws {
        #expect(try await run("import os; os.kill(os.getpid(), 9)") == .killed(signal: 9))
        #expect(try await run("import os; os.abort()") == .killed(signal: 6))
    }

    @Test func aProgramCannotPassForAFailureOfTheSandbox() async throws {
        let result = try await run("import os; os.write(2, b\"bwrap: no such file\\n\"); os._exit(1)")
        #expect(result == .finished(stdout: [], stderr: Array("bwrap: no such file\n".utf8), exitCode: 1))
    }

    @Test func manyRunsAtOnceDoNotMix() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<24 {
                group.addTask { try await output("print(int(input()) * 2)", input: "\(index)\n") == "\(index * 2)\n" }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }

    @Test func aMissingBubblewrapIsRefusedByName() async throws {
        let sandbox = Sandbox(bubblewrap: "/nowhere/bwrap")
        let error = await #expect(throws: SandboxError.self) { try await run("print(1)", in: sandbox) }
        guard case .unavailable(let text)? = error else { Issue.record("\(String(describing: error))"); return }
        #expect(text.contains("apt-get install bubblewrap"))
    }

    @Test func aBrokenSandboxThrowsRatherThanRunning() async throws {
        // Present and executable, but no bubblewrap: it ends without starting anything.
        let sandbox = Sandbox(bubblewrap: "/usr/bin/false")
        let error = await #expect(throws: SandboxError.self) { try await run("print(1)", in: sandbox) }
        guard case .failedToStart? = error else { Issue.record("\(String(describing: error))"); return }
    }
}
