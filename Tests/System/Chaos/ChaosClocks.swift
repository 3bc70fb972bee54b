import Foundation

/// The clocks on the wall that processes see: theirs alone, and set while they run. Those that only ever go forward are the
/// machine's.
struct ChaosClocks: Sendable {
    private let folder: String
    private var library: String { "\(folder)/clock.so" }

    /// - Throws: `ScenarioError` of the compiler, which comes with Swift.
    init(folder: String) async throws {
        self.folder = folder
        let source = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "clock.c").path
        try await Tool.run(["clang", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, source])
    }

    /// What a process is started with to have a clock of this name, which is right at first.
    func environment(_ name: String) -> [String: String] {
        set(name, ahead: 0)
        return ["LD_PRELOAD": library, "CHAOS_CLOCK": file(name)]
    }

    /// - Parameter seconds: Negative to set it back.
    func set(_ name: String, ahead seconds: Int64) {
        // In place, since the process has the file mapped.
        guard let file = fopen(file(name), "r+") ?? fopen(file(name), "w") else { return }
        withUnsafeBytes(of: seconds) { _ = fwrite($0.baseAddress, 1, $0.count, file) }
        fclose(file)
    }

    private func file(_ name: String) -> String { "\(folder)/\(name).clock" }
}
