internal import Glibc
internal import Processes
internal import Subprocess
internal import SystemPackage

/// One engine in a process group of its own. All it starts inherits a mark that names this worker, by which what is left of an
/// engine is found when its worker is gone.
struct EngineProcess: Sendable {
    static let mark = "AFFINE_ENGINE_OWNER"
    /// How long the engine may take to end politely.
    private static let grace = Duration.seconds(10)

    let command: [String]
    /// Beside what this process inherited.
    let environment: [String: String]
    let log: String
    let owner: ProcessIdentity
    /// Tells apart the engines of one owner.
    let port: Int

    private var markValue: String { "\(owner.label) \(port)" }

    /// Runs until the engine ends or the task is cancelled; nothing of it is left afterwards.
    ///
    /// - Returns: How it ended, in words.
    func run() async throws -> String {
        defer { Self.end { $0 == markValue } }
        let file = try FileDescriptor.open(
            FilePath(log), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .groupRead])
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: Self.grace)
        ]
        // What lets this process into the database, or pay, is no business of the engine's.
        var variables: [Environment.Key: String?] = [
            "AFFINE_DATABASE_URL": nil, "AFFINE_API_KEY": nil, "TARGON_API_KEY": nil,
        ]
        for (name, value) in environment.merging([Self.mark: markValue], uniquingKeysWith: { $1 }) {
            if let key = Environment.Key(rawValue: name) { variables[key] = value }
        }
        do {
            let ended = try await Subprocess.run(
                command[0].contains("/") ? .path(FilePath(command[0])) : .name(command[0]),
                arguments: Arguments(Array(command.dropFirst())),
                environment: .inherit.updating(variables), platformOptions: options, input: .none,
                output: .fileDescriptor(file, closeAfterSpawningProcess: false),
                error: .fileDescriptor(file, closeAfterSpawningProcess: true))
            return "the engine ended with \(ended.terminationStatus)"
        } catch let error as SubprocessError {
            return "'\(command[0])' could not be started: \(error)"
        }
    }

    /// The end of what the engine printed.
    func logTail(bytes most: Int64 = 2_000) -> String {
        guard let file = try? FileDescriptor.open(FilePath(log), .readOnly) else { return "" }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: Int(most))
        let length = (try? file.seek(offset: 0, from: .end)) ?? 0
        let count = try? bytes.withUnsafeMutableBytes {
            try file.read(fromAbsoluteOffset: max(0, length - most), into: $0)
        }
        return String(decoding: bytes.prefix(count ?? 0), as: UTF8.self)
    }

    /// Ends what is left of engines whose workers are gone.
    ///
    /// - Returns: How many processes that were.
    @discardableResult
    static func endOrphans() -> Int {
        guard let observer = ProcessIdentity.current else { return 0 }
        return end { mark in
            let owner = ProcessIdentity(label: mark.split(separator: " ").dropLast().joined(separator: " "))
            return owner?.standing(seenBy: observer) == .dead
        }
    }

    /// Ends all processes with such a mark, and looks again for what they started meanwhile.
    @discardableResult
    private static func end(where isMeant: (String) -> Bool) -> Int {
        var ended: Set<pid_t> = []
        for _ in 0..<10 {
            let marked = ProcessTable.processes(withVariable: mark).filter { isMeant($0.value) }
            guard !marked.isEmpty else { break }
            for (process, _) in marked {
                kill(process, SIGKILL)
                ended.insert(process)
            }
        }
        return ended.count
    }
}
