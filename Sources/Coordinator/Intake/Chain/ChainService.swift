public import Logging
public import Postgres
public import ServiceLifecycle

/// Follows the chain: takes in what is final, admits miners, and sends weights when they are due. Any number may run side by
/// side.
public struct ChainService: Service {
    private let bridge: ChainBridge
    private let intake: ChainIntake
    private let admission: AdmissionService
    private let emissions: WeightEmissions
    private let logger: Logger

    private static let interval = Duration.seconds(5)
    private static let shortestPause = Duration.seconds(1)
    private static let longestPause = Duration.seconds(60)

    public init(
        database: Database, bridge: ChainBridge, hub: HubClient, policy: AdmissionPolicy, audit: TemplateAudit?,
        emission: EmissionSettings, logger: Logger
    ) {
        self.bridge = bridge
        self.logger = logger
        intake = ChainIntake(database: database)
        admission = AdmissionService(database: database, hub: hub, policy: policy, audit: audit)
        emissions = WeightEmissions(database: database, settings: emission)
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await follow() }
                group.addTask {
                    await repeating("admission", every: Self.interval, logger) { try await admission.advance() }
                }
                group.addTask { await repeating("weights", every: Self.interval, logger) { try await emit() } }
            }
        }
    }

    private func emit() async throws {
        try await emissions.plan()
        guard bridge.wallet != nil else { return }
        try await emissions.submit(through: bridge)
    }

    /// The bridge is started again whenever it ends, after a pause that doubles until it has shown a block.
    private func follow() async {
        var pause = Self.shortestPause
        while !Task.isCancelled {
            do {
                try await bridge.watch { view in
                    pause = Self.shortestPause
                    let added = try await intake.apply(view)
                    guard added > 0 else { return }
                    logger.notice("commitments were revealed", metadata: ["commitments": "\(added)"])
                }
            } catch  where !Task.isCancelled {
                logger.error(
                    "the chain can't be followed; it will be tried again",
                    metadata: ["error": "\(error)", "seconds": "\(pause / .seconds(1))"])
            } catch {
                return
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }
}
