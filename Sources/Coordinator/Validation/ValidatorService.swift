internal import ArenaAPI
internal import Domain
public import HTTPClient
public import Logging
public import ServiceLifecycle

/// A validator that needs no more than an arena's public API and a wallet: every so many blocks it fetches the weights,
/// sees that they are not stale, applies the burn and sets them, whether or not anything changed.
public struct ValidatorService: Service {
    public struct Settings: Sendable {
        /// Where the API is, such as `https://api.affine.io/api/v1`.
        public var api: String
        /// Blocks between two settings.
        public var interval: Int64 = 180
        /// By how many blocks the arena may be behind the chain; older weights are not set.
        public var maximumAge: Int64 = 100
        public var tries = 3

        public init(api: String) {
            self.api = api
        }
    }

    private let settings: Settings
    private let http: HTTPClient
    private let bridge: ChainBridge
    private let logger: Logger

    public init(settings: Settings, http: HTTPClient, bridge: ChainBridge, logger: Logger) {
        self.settings = settings
        self.http = http
        self.bridge = bridge
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            var last: Int64?
            while !Task.isCancelled {
                do {
                    try await bridge.watch { view in
                        let epoch = view.head.number / settings.interval
                        guard last != epoch else { return }
                        try await emit(at: view.head.number)
                        last = epoch
                    }
                } catch  where !Task.isCancelled {
                    logger.error("weights were not set; it will be tried again", metadata: ["error": "\(error)"])
                } catch {
                    return
                }
                try? await Task.sleep(for: .seconds(10))
            }
        }
    }

    private func emit(at head: Int64) async throws {
        let vector = try await Self.weights(settings, http: http, head: head)
        let block = try await bridge.setWeights(vector)
        let weights = vector.shares.map { "\($0.uid)=\($0.share)" }.joined(separator: " ")
        logger.notice("weights are set", metadata: ["block": "\(block)", "weights": "\(weights)"])
    }

    /// What is to be set now.
    ///
    /// - Throws: `ValidatorError` when the API can't be reached or is behind by more than the settings allow; nothing is set
    ///   then.
    package static func weights(_ settings: Settings, http: HTTPClient, head: Int64) async throws -> WeightVector {
        let arena = try ArenaClient(url: settings.api, http: http)
        let published: PublishedWeights = try await get("scores/weights/latest", settings, arena)
        let age = head - published.block
        guard abs(age) <= settings.maximumAge else {
            throw ValidatorError(
                "the arena's weights are of block \(published.block), the chain is at \(head): "
                    + "more than \(settings.maximumAge) blocks apart")
        }
        let config: JSONValue = try await get("config", settings, arena)
        let burn = config["configs"]?["validator_burn_percentage"]?.doubleValue ?? 0
        // As clients have always done: a share that is none burns nothing.
        let share = Score(rounding: burn).flatMap { Score.zero...Score.one ~= $0 ? $0 : nil } ?? .zero
        return try published.vector(burn: share)
    }

    private static func get<Value: Decodable>(
        _ path: String, _ settings: Settings, _ arena: ArenaClient
    ) async throws -> Value {
        for _ in 1..<max(1, settings.tries) {
            do { return try await arena.answer(to: path) } catch { try await Task.sleep(for: .seconds(1)) }
        }
        do { return try await arena.answer(to: path) } catch { throw ValidatorError("\(error)") }
    }
}

public struct ValidatorError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
