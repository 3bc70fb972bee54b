import ArgumentParser
import CoordinatorAPI
import Domain
import Hummingbird
import Logging
import Postgres
import ServiceLifecycle

/// Whether and where the public API is served.
struct APIOptions: ParsableArguments {
    @Option(help: "Serve the public API on this port (0: any that is free); without it, it is not served.")
    var apiPort: Int?

    @Option(help: "Address to serve the API on.")
    var apiHost = "127.0.0.1"

    func validate() throws {
        guard (0...65_535).contains(apiPort ?? 0) else {
            throw ValidationError("--api-port '\(apiPort ?? 0)' is not valid: expected 0 to 65535")
        }
    }

    /// - Parameter burn: What validators are told to burn.
    func service(_ database: Database, burn: Score, logger: Logger) -> (any Service)? {
        guard let apiPort else { return nil }
        let router = Router()
        PublicAPI(database: database, burn: burn).addRoutes(to: router)
        let host = apiHost
        return Application(
            router: router, configuration: .init(address: .hostname(host, port: apiPort), serverName: "affine"),
            onServerRunning: { channel in
                logger.notice(
                    "the API is served",
                    metadata: ["url": "http://\(host):\(channel.localAddress?.port ?? 0)/api/v1"])
            }, logger: logger)
    }
}
