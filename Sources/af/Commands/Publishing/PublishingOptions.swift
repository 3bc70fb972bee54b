import ArgumentParser
import Coordinator
import Domain

/// Whose hotkey commits, and through which bridge.
struct SigningOptions: ParsableArguments {
    @Option(help: "Folder of the bridge, made by 'deploy/chain-bridge/install FOLDER' (or AFFINE_BRIDGE).")
    var bridge: String?

    @Option(help: "Network of the bridge: finney, test, local, or a ws:// address.")
    var network = "finney"

    @Option(help: "The subnet.")
    var netuid = 120

    @Option(name: [.long, .customLong("coldkey")], help: "The wallet; its keys stay in its files.")
    var wallet: String

    @Option(help: "The wallet's hotkey, which signs.")
    var hotkey = "default"

    @Option(help: "Folder of wallets, if it is not the SDK's usual one.")
    var walletPath: String?

    var signer: ChainBridge.Wallet { .init(name: wallet, hotkey: hotkey, path: walletPath) }

    func chain() throws -> ChainBridge {
        guard let bridge = bridge ?? CommonOptions.bridge else {
            throw CommandError("a commitment needs the bridge to the chain: --bridge or AFFINE_BRIDGE names its folder")
        }
        try PythonFolder.require("bridge", in: bridge, installedBy: "deploy/chain-bridge/install")
        return ChainBridge(folder: bridge, network: network, netuid: netuid)
    }
}

/// The official client of the hub, in a folder of its own.
struct HubClientOptions: ParsableArguments {
    @Option(help: "Folder of the hub's client, made by 'deploy/hub-client/install FOLDER' (or AFFINE_HUB_CLIENT).")
    var hubClient: String?

    /// - Parameter endpoint: The hub's address; nil for the one that HF_ENDPOINT names.
    func transfers(at endpoint: String? = nil) throws -> HubTransfers {
        guard let hubClient = hubClient ?? CommonOptions.hubClient else {
            throw CommandError("the hub needs its client: --hub-client or AFFINE_HUB_CLIENT names its folder")
        }
        try PythonFolder.require("client of the hub", in: hubClient, installedBy: "deploy/hub-client/install")
        return HubTransfers(folder: hubClient, endpoint: endpoint)
    }
}

/// What is published, and what stands against it.
struct Publication {
    let repository: String
    let standing: ChainStanding
    var facts: [String: JSONValue] = [:]

    /// - Throws: `CommandError` when something stands against a commitment that is to be made.
    func refuse(_ objections: [AdmissionObjection], unless isWanted: Bool, then next: String) throws {
        guard !objections.isEmpty, !isWanted else { return }
        throw CommandError(
            "admission would refuse what \(standing.hotkey) commits, and a second commitment ends a miner: "
                + objections.map(\.description).joined(separator: "; ") + ". \(next)")
    }

    /// Prints what was done, or would be, with what stands against it.
    func report(_ objections: [AdmissionObjection], json: Bool) throws {
        var row = facts
        row["success"] = .bool(objections.isEmpty)
        row["repo"] = .string(repository)
        row["hotkey"] = .string(standing.hotkey.rawValue)
        row["objections"] = .array(
            objections.map { .object(["reason": .string($0.reason), "evidence": .string($0.evidence)]) })
        try Output.record(.object(row), json: json)
    }
}
