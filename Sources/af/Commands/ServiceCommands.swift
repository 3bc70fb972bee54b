import ArgumentParser
import Coordinator
import HTTPClient
import Logging
import Postgres
import ServiceLifecycle
import UnixSignals
import Worker

struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator", abstract: "Windows, contests, verdicts, weights.", subcommands: [Run.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Move the arena until stopped. Any number may run side by side.")
        @OptionGroup var options: CommonOptions
        @OptionGroup var arena: ArenaOptions
        @OptionGroup var chain: ChainOptions
        @OptionGroup var api: APIOptions

        func run() async throws {
            let logger = options.serviceLogger
            let http = HTTPClient()
            try await Backend.with(options) { backend in
                let follower = try chain.service(backend.database, http, logger: logger)
                let settings = arena.settings
                let mover = CoordinatorService(
                    database: backend.database, settings: settings, http: http, logger: logger)
                let servers = try api.services(
                    backend.database, burn: chain.emission.burn, settings: settings, logger: logger)
                try await Services.run([mover, follower].compactMap(\.self) + servers, logger: logger)
            }
            await http.close()
        }
    }
}

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Run jobs against models.", subcommands: [Run.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Claim and run jobs until stopped.",
            discussion: """
                SIGTERM drains: nothing more is claimed, jobs under way may finish within the grace, the rest is handed
                back. AFFINE_API_KEY is sent to the endpoints as a bearer token. The worker needs no more of the database
                than the role affine_worker gives.
                """)
        @OptionGroup var options: CommonOptions
        @OptionGroup var worker: WorkerOptions

        func run() async throws {
            let settings = try worker.settings()
            guard settings.canServe else {
                throw CommandError(
                    "a worker needs a model: --endpoint owner/name@revision=URL, or an engine: --engine sglang, or --targon"
                )
            }
            guard let url = options.resolvedDatabaseURL else {
                throw CommandError(
                    "a worker needs a database: --database-url or AFFINE_DATABASE_URL ('af up' prints one)")
            }
            let logger = options.serviceLogger
            let database = Database(
                Backend.settings(url, connections: WorkerService.connections, pooled: options.pooled), logger: logger)
            let http = HTTPClient(settings: worker.connections)
            let service = WorkerService(settings: settings, database: database, http: http, logger: logger)
            try await Services.run([service], logger: logger)
            await http.close()
            await database.close()
        }
    }
}

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Run everything on this machine: private Postgres, coordinator and a worker.",
        discussion:
            "Without --endpoint, --engine or --targon no worker is started; others can join at the URL that is printed."
    )
    @OptionGroup var options: CommonOptions
    @OptionGroup var arena: ArenaOptions
    @OptionGroup var chain: ChainOptions
    @OptionGroup var api: APIOptions
    @OptionGroup var worker: WorkerOptions

    func run() async throws {
        let logger = options.serviceLogger
        let settings = try worker.settings()
        let http = HTTPClient(settings: worker.connections)
        try await Backend.with(options, logger: logger) { backend in
            var services: [any Service] = [
                CoordinatorService(
                    database: backend.database, settings: arena.settings, http: http, logger: logger)
            ]
            let workerURL = backend.workerURL ?? options.resolvedDatabaseURL ?? ""
            let workerDatabase = Database(
                Backend.settings(workerURL, connections: WorkerService.connections, pooled: options.pooled),
                logger: logger)
            if let follower = try chain.service(backend.database, http, logger: logger) { services.append(follower) }
            services += try api.services(
                backend.database, burn: chain.emission.burn, settings: arena.settings, logger: logger)
            if settings.canServe {
                services.append(WorkerService(settings: settings, database: workerDatabase, http: http, logger: logger))
            }
            if options.json {
                try Output.json(["worker_database_url": backend.workerURL])
            } else if let url = backend.workerURL {
                Output.line("Affine is up. Workers join with AFFINE_DATABASE_URL='\(url)'. Ctrl-C stops.")
            } else {
                Output.line("Affine is up. Give workers a login that is a member of affine_worker. Ctrl-C stops.")
            }
            try await Services.run(services, logger: logger)
            await workerDatabase.close()
        }
        await http.close()
    }
}

enum Services {
    /// Runs until a signal, then stops the last service first.
    static func run(_ services: [any Service], logger: Logger) async throws {
        try await ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        ).run()
    }
}
