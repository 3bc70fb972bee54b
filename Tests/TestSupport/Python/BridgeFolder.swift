public import Domain
internal import Foundation
internal import Subprocess
internal import SystemPackage

/// The checkout that tests belong to.
enum Checkout {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static func path(_ place: String) -> String { root.appending(path: place).path }
}

/// A folder as `deploy/chain-bridge/install` makes it, whose bridge asks a chain in memory through the real SDK.
public struct BridgeFolder: Sendable {
    public let path: String

    /// - Parameters:
    ///   - chain: As `stand_in.py` reads it.
    ///   - bridge: Another script in the bridge's place.
    public init(chain: String, bridge: String? = nil) throws {
        path = "\(FileManager.default.temporaryDirectory.path)/bridge-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: "\(path)/venv", withDestinationPath: Checkout.path(".build/chain-bridge/venv"))
        let script =
            bridge ?? """
                import os, runpy
                os.environ["AFFINE_STAND_IN"] = "\(path)/chain.json"
                runpy.run_path("\(Checkout.path("deploy/chain-bridge/tests/stand_in.py"))", run_name="__main__")
                """
        try script.write(toFile: "\(path)/bridge.py", atomically: true, encoding: .utf8)
        try write(chain)
    }

    public func write(_ chain: String) throws {
        try chain.write(toFile: "\(path)/chain.json", atomically: true, encoding: .utf8)
    }

    /// With what was set on it.
    public var chain: JSONValue {
        get throws {
            let data = try Data(contentsOf: URL(filePath: "\(path)/chain.json"))
            return try JSONDecoder().decode(JSONValue.self, from: data)
        }
    }

    public var wallets: String { "\(path)/wallets" }

    /// Makes a wallet `cold` with a hotkey `hot`; returns the hotkey.
    public func makeWallet() async throws -> Hotkey {
        let made = try await Subprocess.run(
            .path(FilePath("\(path)/venv/bin/python")),
            arguments: [Checkout.path("deploy/chain-bridge/tests/make_wallet.py"), wallets],
            output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
        return try Hotkey(String(made.standardOutput.split(separator: "\n").last ?? ""))
    }

    public func remove() throws { try FileManager.default.removeItem(atPath: path) }
}
