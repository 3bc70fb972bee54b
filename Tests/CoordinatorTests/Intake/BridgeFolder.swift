import Domain
import Foundation
import Subprocess
import SystemPackage

/// A folder as `deploy/chain-bridge/install` makes it, whose bridge asks a chain in memory through the real SDK.
struct BridgeFolder: Sendable {
    let path: String

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// - Parameters:
    ///   - chain: As `stand_in.py` reads it.
    ///   - bridge: Another script in the bridge's place.
    init(chain: String, bridge: String? = nil) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bridge-\(UUID().uuidString)")
        path = folder.path
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "venv"),
            withDestinationURL: Self.root.appending(path: ".build/chain-bridge/venv"))
        let standIn = Self.root.appending(path: "deploy/chain-bridge/tests/stand_in.py").path
        let script =
            bridge ?? """
                import os, runpy
                os.environ["AFFINE_STAND_IN"] = "\(path)/chain.json"
                runpy.run_path("\(standIn)", run_name="__main__")
                """
        try script.write(toFile: "\(path)/bridge.py", atomically: true, encoding: .utf8)
        try write(chain)
    }

    func write(_ chain: String) throws {
        try chain.write(toFile: "\(path)/chain.json", atomically: true, encoding: .utf8)
    }

    /// With what was set on it.
    var chain: JSONValue {
        get throws {
            let data = try Data(contentsOf: URL(filePath: "\(path)/chain.json"))
            return try JSONDecoder().decode(JSONValue.self, from: data)
        }
    }

    var wallets: String { "\(path)/wallets" }

    /// Makes a wallet `cold` with a hotkey `hot`; returns the hotkey.
    func makeWallet() async throws -> Hotkey {
        let made = try await Subprocess.run(
            .path(FilePath("\(path)/venv/bin/python")),
            arguments: [Self.root.appending(path: "deploy/chain-bridge/tests/make_wallet.py").path, wallets],
            output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
        return try Hotkey(String(made.standardOutput.split(separator: "\n").last ?? ""))
    }

    func remove() throws { try FileManager.default.removeItem(atPath: path) }
}
