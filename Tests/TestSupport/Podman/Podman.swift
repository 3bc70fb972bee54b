import Foundation
import Subprocess
import SystemPackage

/// A real container engine for tests: podman's service, one for each test process and gone with it. What it needs has to be
/// installed (`scripts/install-requirements podman runc uidmap slirp4netns`).
public enum Podman {
    /// Serves the affinetes protocol; what a call does is said by its parameter `act` (`environment_server.py`).
    public static let image = "localhost/affine-test-environment:v1"

    private static let address = Once<String>()

    /// The engine's address, as `DOCKER_HOST` would hold it.
    public static func engine() async throws -> String { try await address.value(start) }

    private static func start() async throws -> String {
        let script = (#filePath as NSString).deletingLastPathComponent + "/podman-service"
        let folder = "/tmp/affine-podman-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try Cleaner.start("\"$1\" stop \"$2\"", [script, folder])
        let started = try await Subprocess.run(
            .path(FilePath(script)), arguments: ["start", folder], output: .string(limit: 1 << 16),
            error: .string(limit: 1 << 16))
        guard started.terminationStatus.isSuccess else { throw TestServerError("no podman: \(started.standardError)") }
        let socket = folder + "/podman.sock"
        try await eventually("podman listens") { FileManager.default.fileExists(atPath: socket) }
        return "unix://" + socket
    }
}
