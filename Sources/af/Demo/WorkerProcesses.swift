import Glibc
import Subprocess
import SystemPackage
import Worker

/// Worker processes of the demo: the same program, run as anyone would run it.
struct WorkerProcesses: Sendable {
    let databaseURL: String
    let endpoints: [Endpoint]
    let count: Int
    let concurrency: Int
    let logFolder: String

    /// Starts the worker again whenever it ends, until cancelled; then stops it politely.
    ///
    /// - Throws: `CommandError` when it ends at once time and again.
    func keepRunning(_ number: Int) async throws {
        var quickEnds = 0
        while !Task.isCancelled {
            let started = ContinuousClock.now
            var teardown = PlatformOptions()
            teardown.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(5))]
            let log = try FileDescriptor.open(
                FilePath("\(logFolder)/worker-\(number).log"), .writeOnly, options: [.create, .append],
                permissions: [.ownerReadWrite, .groupRead])
            _ = try await Subprocess.run(
                .path("/proc/self/exe"), arguments: Arguments(arguments(number)),
                environment: .inherit.updating(["AFFINE_DATABASE_URL": databaseURL]), platformOptions: teardown,
                input: .none, output: .fileDescriptor(log, closeAfterSpawningProcess: false),
                error: .fileDescriptor(log, closeAfterSpawningProcess: true))
            quickEnds = .now - started < .seconds(3) ? quickEnds + 1 : 0
            guard quickEnds < 3 else {
                throw CommandError(
                    "worker \(number) ends at once, three times in a row; see \(logFolder)/worker-\(number).log")
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func arguments(_ number: Int) -> [String] {
        ["worker", "run", "--name", "demo-\(number)", "--concurrency", "\(concurrency)", "--ttl", "5", "--grace", "2"]
            + endpoints.flatMap { ["--endpoint", "\($0.model)=\($0.baseURL)"] }
    }
}
