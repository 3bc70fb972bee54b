import ArgumentParser
import Configuration
import Domain
import FoundationEssentials
import Logging
import Postgres

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Flag(help: "Print JSON instead of text.")
    var json = false

    @Option(name: .customLong("database-url"), help: "Postgres to use, as a URL (or AFFINE_DATABASE_URL).")
    var databaseURL: String?

    @Flag(help: "The database is behind a pooler in transaction mode, such as PgBouncer.")
    var pooled = false

    @Option(help: "Folder of the private Postgres cluster (or AFFINE_DATA).")
    var data: String?

    @OptionGroup var logs: LogOptions

    /// Values that may also come from the environment; nothing else in the program reads it.
    private static let environment = ConfigReader(provider: EnvironmentVariablesProvider())

    var resolvedDatabaseURL: String? {
        databaseURL ?? Self.environment.string(forKey: "affine.database.url").flatMap { $0.isEmpty ? nil : $0 }
    }

    var resolvedDataFolder: String {
        data ?? Self.environment.string(forKey: "affine.data") ?? Self.defaultDataFolder
    }

    static var defaultDataFolder: String {
        DefaultFolder.path(
            home: environment.string(forKey: "home"), dataHome: environment.string(forKey: "xdg.data.home"))
    }

    /// Characters on a line of the terminal, where the shell tells.
    static var columns: Int? { environment.int(forKey: "columns") }

    /// How the log's lines look, where the command line does not say.
    static var logFormat: String? { environment.string(forKey: "affine.log.format").flatMap { $0.isEmpty ? nil : $0 } }

    /// The key that endpoints are asked with, kept out of the command line.
    static var apiKey: String? {
        environment.string(forKey: "affine.api.key", isSecret: true)
    }

    /// The key of an account with Targon, and where its API is.
    static var targonKey: String? { environment.string(forKey: "targon.api.key", isSecret: true) }
    static var targonURL: String? { environment.string(forKey: "targon.api.url").flatMap { $0.isEmpty ? nil : $0 } }

    /// The container engine that other programs of this machine use too.
    static var dockerHost: String? { environment.string(forKey: "docker.host").flatMap { $0.isEmpty ? nil : $0 } }

    /// A variable that an environment's container asks for by name.
    static func secret(_ name: String) -> String? {
        (try? EnvironmentVariablesProvider().environmentValue(forName: name)).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Folders of the programs that reach the chain and the hub, as 'install' made them.
    static var bridge: String? { environment.string(forKey: "affine.bridge").flatMap { $0.isEmpty ? nil : $0 } }
    static var hubClient: String? { environment.string(forKey: "affine.hub.client").flatMap { $0.isEmpty ? nil : $0 } }

    /// Sent with traces, as OpenTelemetry's exporters do: NAME=VALUE, parted by commas.
    static var traceHeaders: String? {
        environment.string(forKey: "otel.exporter.otlp.headers", isSecret: true).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Where existing clients look for an arena.
    static var apiURL: String? { environment.string(forKey: "api.url").flatMap { $0.isEmpty ? nil : $0 } }

    /// For commands that do one thing and end: what goes wrong.
    var logger: Logger { logs.logger(at: .warning) }

    /// For commands that run until stopped: every change of state.
    var serviceLogger: Logger { logs.logger(at: .notice) }
}
