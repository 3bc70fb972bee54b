import ArgumentParser
import Coordinator
import CoordinatorAPI
import CoordinatorDashboard
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

    @Option(
        help: ArgumentHelp(
            "Serve the dashboard on this port of this machine only; without it, it is not served.",
            discussion: "It shows what is sealed while a window is open: put a login in front of it."))
    var dashboardPort: Int?

    @Option(
        help: ArgumentHelp(
            "Serve /metrics alone on this port, for a Prometheus elsewhere; without it, it is not served.",
            discussion: "It holds counts and ages, and nothing that is sealed."))
    var metricsPort: Int?

    @Option(help: "Address to serve /metrics on.")
    var metricsHost = "127.0.0.1"

    @Option(
        help: ArgumentHelp(
            "Serve the operators' API on this port, to whoever has a token ('af token'); without it, it is not served.",
            discussion: "Put TLS in front of it: tokens travel with each request."))
    var operatorPort: Int?

    @Option(help: "Address to serve the operators' API on.")
    var operatorHost = "127.0.0.1"

    @Option(
        help:
            "Requests a second that a client of the API and the operators' API may send; twice as many at once; 0: any number."
    )
    var rateLimit = 50

    @Flag(
        help: ArgumentHelp(
            "Tell clients apart by the last address in X-Forwarded-For.",
            discussion: "Only behind a proxy that appends it: elsewhere clients could pretend to be many."))
    var behindProxy = false

    func validate() throws {
        guard (0...1_000_000).contains(rateLimit) else {
            throw ValidationError("--rate-limit '\(rateLimit)' is not valid: expected 0 to 1000000")
        }
        for (name, port) in [
            ("--operator-port", operatorPort), ("--api-port", apiPort), ("--dashboard-port", dashboardPort),
            ("--metrics-port", metricsPort),
        ] {
            guard (0...65_535).contains(port ?? 0) else {
                throw ValidationError("\(name) '\(port ?? 0)' is not valid: expected 0 to 65535")
            }
        }
    }

    /// - Parameters:
    ///   - burn: What validators are told to burn.
    ///   - settings: Of the arena that operators act on.
    func services(
        _ database: Database, burn: Score, settings: ArenaSettings, logger: Logger
    ) throws -> [any Service] {
        let limits = ServerLimits(requestsPerSecond: rateLimit == 0 ? nil : rateLimit, isBehindProxy: behindProxy)
        var services: [any Service] = []
        if let apiPort {
            let router = Router(context: ClientContext.self, options: .autoGenerateHeadEndpoints)
            let api = PublicAPI(database: database, burn: burn)
            api.addRoutes(to: router)
            services.append(api)
            services.append(Self.server(router, "API", apiHost, apiPort, path: "/api/v1", limits, logger))
        }
        if let dashboardPort {
            let router = Router(context: ClientContext.self, options: .autoGenerateHeadEndpoints)
            try Dashboard(database: database).addRoutes(to: router)
            services.append(
                Self.server(router, "dashboard", "127.0.0.1", dashboardPort, path: "/", ServerLimits(), logger))
        }
        if let operatorPort {
            let router = Router(context: ClientContext.self)
            OperatorAPI(database: database, settings: settings, logger: logger).addRoutes(to: router)
            services.append(
                Self.server(
                    router, "operators' API", operatorHost, operatorPort, path: "/api/v1/operator", limits, logger))
        }
        if let metricsPort {
            let router = Router(context: ClientContext.self, options: .autoGenerateHeadEndpoints)
            Dashboard.addMetrics(of: database, to: router)
            services.append(
                Self.server(router, "metrics page", metricsHost, metricsPort, path: "/metrics", ServerLimits(), logger))
        }
        return services
    }

    private static func server(
        _ router: Router<ClientContext>, _ name: String, _ host: String, _ port: Int, path: String,
        _ limits: ServerLimits, _ logger: Logger
    ) -> any Service {
        APIServer.application(
            router, host: host, port: port, limits: limits,
            onServerRunning: { port in
                logger.notice("the \(name) is served", metadata: ["url": "http://\(host):\(port)\(path)"])
            }, logger: logger)
    }
}
