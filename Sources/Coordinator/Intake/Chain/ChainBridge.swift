internal import Domain
internal import FoundationEssentials
internal import Subprocess
internal import SystemPackage

/// The chain through the official SDK, in processes of its own (`deploy/chain-bridge`): one follows final blocks and prints a
/// view for each, others set weights and end. Private keys stay in the wallet's files and those processes.
public struct ChainBridge: Sendable {
    /// The bridge's own version of what it prints; another one is refused.
    static let protocolVersion: Int64 = 1

    let python: String
    let script: String
    let network: String
    let netuid: Int
    /// Whose hotkey signs weights; nil sets none.
    let wallet: Wallet?

    public struct Wallet: Sendable {
        public var name: String
        public var hotkey: String
        /// Nil for the SDK's usual place.
        public var path: String?

        public init(name: String, hotkey: String, path: String? = nil) {
            self.name = name
            self.hotkey = hotkey
            self.path = path
        }
    }

    /// - Parameter folder: As `deploy/chain-bridge/install` made it.
    public init(folder: String, network: String = "finney", netuid: Int = 120, wallet: Wallet? = nil) {
        python = "\(folder)/venv/bin/python"
        script = "\(folder)/bridge.py"
        self.network = network
        self.netuid = netuid
        self.wallet = wallet
    }

    /// Gives each view of a final block to `body`, until the process ends.
    ///
    /// - Throws: `ChainBridgeError` when it ends, or says what nobody understands; what `body` throws.
    package func watch(_ body: (ChainView) async throws -> Void) async throws {
        var stopping = PlatformOptions()
        stopping.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(5))]
        let ended = try await Subprocess.run(
            .path(FilePath(python)), arguments: Arguments([script, "watch"] + place), platformOptions: stopping,
            input: .none, output: .sequence, error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
        ) { execution in
            var isGreeted = false
            var rest: [UInt8] = []
            for try await buffer in execution.standardOutput {
                buffer.withUnsafeBytes { unsafe rest.append(contentsOf: $0) }
                while let end = rest.firstIndex(of: 0x0A) {
                    let line = Array(rest[..<end])
                    rest.removeSubrange(...end)
                    if isGreeted {
                        try await body(Self.understood(line))
                    } else {
                        try Self.greet(line)
                        isGreeted = true
                    }
                }
            }
        }
        throw ChainBridgeError("the bridge ended with \(ended.terminationStatus)")
    }

    private var place: [String] { ["--network", network, "--netuid", "\(netuid)"] }

    private static func greet(_ line: [UInt8]) throws {
        let greeting = JSONValue(json: line)
        guard greeting?["bridge"] == .integer(protocolVersion) else {
            throw ChainBridgeError(
                "the bridge speaks another version than \(protocolVersion): "
                    + "'\(String(decoding: line.prefix(200), as: UTF8.self))'; install it again")
        }
    }

    private static func understood<Value: Decodable>(_ line: [UInt8]) throws -> Value {
        do { return try JSONDecoder().decode(Value.self, from: Data(line)) } catch {
            throw ChainBridgeError("the bridge said '\(String(decoding: line.prefix(200), as: UTF8.self))': \(error)")
        }
    }
}

extension ChainBridge: WeightWriter {
    private struct Included: Decodable { var block: Int64 }

    public func setWeights(_ weights: WeightVector) async throws -> Int64 {
        guard let wallet else { throw ChainBridgeError("no wallet was named to sign weights with") }
        let shares = weights.shares.map { "\($0.uid)=\($0.share)" }
        let included: Included = try await answer("set-weights", as: wallet, shares)
        return included.block
    }

    /// What a command that ends says on its one line.
    ///
    /// - Throws: `ChainBridgeError` with the bridge's last words when it fails.
    func answer<Value: Decodable>(_ command: String, as wallet: Wallet, _ words: [String]) async throws -> Value {
        let signer =
            ["--wallet", wallet.name, "--hotkey", wallet.hotkey] + (wallet.path.map { ["--wallet-path", $0] } ?? [])
        let ended = try await Subprocess.run(
            .path(FilePath(python)), arguments: Arguments([script, command] + place + signer + words),
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
        guard ended.terminationStatus.isSuccess else {
            let lines = ended.standardError.split(separator: "\n")
            throw ChainBridgeError(lines.last.map(String.init) ?? "'\(command)' ended with \(ended.terminationStatus)")
        }
        return try Self.understood(Array(ended.standardOutput.utf8))
    }
}

public struct ChainBridgeError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
