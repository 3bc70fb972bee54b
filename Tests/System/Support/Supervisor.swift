import Foundation
import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// Starts what ended again, as systemd would, and does nothing else for it.
final class Supervisor: Sendable {
    struct Unit: Sendable {
        var name: String
        var arguments: [String]
        var environment: [String: String] = [:]
        /// What runs it; nothing for the program itself.
        var runner: [String] = []
    }

    /// An end that nobody asked for.
    struct Surprise: Sendable, CustomStringConvertible {
        var unit: String
        var status: TerminationStatus

        var description: String { "\(unit) ended by itself (\(status))" }
    }

    private struct State {
        var processes: [String: pid_t] = [:]
        var killed: Set<pid_t> = []
        var starts = 0
        var surprises: [Surprise] = []
    }

    private let folder: String
    private let state = Mutex(State())

    init(folder: String) {
        self.folder = folder
    }

    var starts: Int { state.withLock(\.starts) }
    var surprises: [Surprise] { state.withLock(\.surprises) }
    func log(of unit: String) -> String { "\(folder)/\(unit).log" }

    /// Until cancelled; then the process is asked to stop, and made to when it does not.
    func keepRunning(_ unit: Unit) async throws {
        var options = PlatformOptions()
        options.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(10))]
        while !Task.isCancelled {
            let log = try FileDescriptor.open(
                FilePath(log(of: unit.name)), .writeOnly, options: [.create, .append],
                permissions: [.ownerReadWrite])
            let program = try Program.path()
            let arguments = unit.runner.dropFirst() + (unit.runner.isEmpty ? [] : [program.string]) + unit.arguments
            let result = try await Subprocess.run(
                unit.runner.first.map { .name($0) } ?? .path(program), arguments: Arguments(Array(arguments)),
                environment: Program.surroundings(unit.environment), workingDirectory: FilePath(folder),
                platformOptions: options, input: .none, output: .discarded,
                error: .fileDescriptor(log, closeAfterSpawningProcess: true)
            ) { process in
                let id = process.processIdentifier.value
                state.withLock { state in
                    state.processes[unit.name] = id
                    state.starts += 1
                }
            }
            let (id, status) = (result.processIdentifier.value, result.terminationStatus)
            state.withLock { state in
                state.processes[unit.name] = nil
                guard state.killed.remove(id) == nil, !Task.isCancelled else { return }
                state.surprises.append(Surprise(unit: unit.name, status: status))
            }
            try? await Task.sleep(for: .milliseconds(300))
        }
    }

    /// The process that got the signal; nil when none runs at the moment.
    func send(_ signal: Int32, to unit: String) -> pid_t? {
        state.withLock { state in
            guard let id = state.processes[unit], kill(id, signal) == 0 else { return nil }
            if signal == SIGKILL { state.killed.insert(id) }
            return id
        }
    }

    /// Copies what everybody logged to where it outlives the folder.
    ///
    /// - Parameter story: What was done to them when.
    static func keepLogs(of folder: String, story: String = "") {
        let kept = "/tmp/affine-faults-" + (folder.split(separator: "/").last ?? "")
        try? FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: true)
        for file in FileManager.default.subpaths(atPath: folder) ?? [] where file.hasSuffix(".log") {
            let name = file.split(separator: "/").suffix(2).joined(separator: "-")
            try? FileManager.default.copyItem(atPath: "\(folder)/\(file)", toPath: "\(kept)/\(name)")
        }
        if !story.isEmpty { try? story.write(toFile: "\(kept)/faults.log", atomically: true, encoding: .utf8) }
        print("what everybody logged is kept in \(kept)")
    }
}
