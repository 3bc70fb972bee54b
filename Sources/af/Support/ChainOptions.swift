import ArgumentParser
import Configuration
import Coordinator
import Domain
import FoundationEssentials
import HTTPClient
import Inference
import Logging
import Postgres
import ServiceLifecycle

/// Where miners come from and where weights go, for commands that follow the chain.
struct ChainOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Follow the chain through the bridge in this folder.",
            discussion:
                "'deploy/chain-bridge/install FOLDER' makes one. Without it miners and blocks are added by hand."))
    var bridge: String?

    @Option(help: "Network of the bridge: finney, test, local, or a ws:// address.")
    var network = "finney"

    @Option(help: "The subnet.")
    var netuid = 120

    @Option(help: "Wallet whose hotkey signs weights; without it none are set.")
    var wallet: String?

    @Option(help: "The wallet's hotkey.")
    var hotkey = "default"

    @Option(help: "Folder of wallets, if it is not the SDK's usual one.")
    var walletPath: String?

    @OptionGroup var admission: AdmissionOptions

    @Option(help: "Share of all weight that is burnt: 0 to 1.")
    var burn = "0"

    @Option(help: "Blocks between two settings of weights, whether or not anything changed.")
    var emissionBlocks: Int64 = 180

    @Option(help: "How many of the last champions share the reward.")
    var rewardedChampions = 1

    func validate() throws {
        guard let share = Score(decimal: burn), .zero...Score.one ~= share else {
            throw ValidationError("--burn '\(burn)' is not valid: expected 0 to 1 with at most nine decimals")
        }
        for (name, value) in [
            ("--emission-blocks", emissionBlocks), ("--rewarded-champions", Int64(rewardedChampions)),
        ]
        where value < 1 {
            throw ValidationError("\(name) '\(value)' is not valid: expected 1 or more")
        }
        if wallet != nil, bridge == nil {
            throw ValidationError("--wallet needs --bridge: weights are signed there")
        }
    }

    var emission: EmissionSettings {
        var settings = EmissionSettings()
        settings.burn = Score(decimal: burn) ?? .zero
        settings.interval = emissionBlocks
        settings.rewardedChampions = rewardedChampions
        return settings
    }

    /// The service that follows the chain; nil without a bridge.
    func service(_ database: Database, _ http: HTTPClient, logger: Logger) throws -> (any Service)? {
        guard let bridge else { return nil }
        try PythonFolder.require("bridge", in: bridge, installedBy: "deploy/chain-bridge/install")
        return ChainService(
            database: database,
            bridge: ChainBridge(
                folder: bridge, network: network, netuid: netuid,
                wallet: wallet.map { .init(name: $0, hotkey: hotkey, path: walletPath) }),
            hub: admission.client(http), policy: try admission.policy(), audit: try admission.audit(http),
            emission: emission, logger: logger)
    }
}

/// How commitments are looked at.
struct AdmissionOptions: ParsableArguments {
    @Option(help: "The model hub's address (or HF_ENDPOINT); HF_TOKEN authorises.")
    var hub: String?

    @Option(
        name: .customLong("admission"),
        help: ArgumentHelp(
            "A JSON file with thresholds and lists of the admission checks (docs/chain.md); else the subnet's own.",
            discussion: "AFFINE_TEMPLATE_AUDIT_KEY authorises with the model that it names to read chat templates."))
    var file: String?

    private static let environment = ConfigReader(provider: EnvironmentVariablesProvider())

    var endpoint: String {
        hub ?? Self.environment.string(forKey: "hf.endpoint") ?? "https://huggingface.co"
    }

    func client(_ http: HTTPClient) -> HubClient {
        let token = Self.environment.string(forKey: "hf.token", isSecret: true)
        return HubClient(http: http, base: endpoint, token: token.flatMap { $0.isEmpty ? nil : $0 })
    }

    /// Who reads chat templates; nil where the policy names nobody.
    ///
    /// - Throws: `CommandError` where it can't be asked as the policy has it.
    func audit(_ http: HTTPClient) throws -> TemplateAudit? {
        guard let auditor = try policy().templateAudit else { return nil }
        let key = Self.environment.string(forKey: "affine.template.audit.key", isSecret: true)
        do throws(InvalidValue) {
            return TemplateAudit(
                auditor: try OpenAIClient(baseURL: auditor.url, model: auditor.model, apiKey: key, http: http))
        } catch { throw CommandError("template_audit of the admission policy: \(error)") }
    }

    func policy() throws -> AdmissionPolicy {
        guard let file else { return AdmissionPolicy() }
        do {
            return try JSONDecoder().decode(AdmissionPolicy.self, from: Data(InputFile.read(file).utf8))
        } catch let error as DecodingError {
            throw CommandError("'\(file)' is no admission policy: \(ArchiveFile.words(for: error))")
        }
    }
}
