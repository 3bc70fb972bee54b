import ArgumentParser
import Worker

/// Whose workloads are meant.
struct TargonAccountOptions: ParsableArguments {
    @Option(
        name: .customLong("targon-arena"),
        help: "This database's name among all that use the Targon account: a-z, 0-9, '.', '_' and '-'.")
    var arena: String?

    @Option(
        name: .customLong("targon-key-file"),
        help: ArgumentHelp("A file that holds the key of the Targon account (or TARGON_API_KEY).", valueName: "file"))
    var keyFile: String?

    /// - Throws: What is missing, or what is wrong with it; never the key.
    func account() throws -> TargonAccount {
        guard let arena else {
            throw ValidationError("Targon needs --targon-arena: this database's name among all that use the account")
        }
        let text = try keyFile.map { try InputFile.read($0) } ?? CommonOptions.targonKey ?? ""
        let key = String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
        guard !key.isEmpty else {
            throw CommandError("Targon needs a key: TARGON_API_KEY, or --targon-key-file with a file that holds it")
        }
        return try TargonAccount(
            key: TargonKey(key), arena: arena, url: CommonOptions.targonURL ?? TargonAccount.usualURL)
    }
}

/// How a worker has its models served by Targon.
struct TargonOptions: ParsableArguments {
    @Flag(help: "Let Targon serve whichever model has work, on a machine rented for it.")
    var targon = false

    @Option(help: "What Targon calls the machine to rent, such as h200-small.")
    var targonResource: String?

    @Option(help: "The image of the engine; pin a version of it.")
    var targonImage = TargonSettings.usualImage

    @Option(
        help: ArgumentHelp(
            "What is run in it: sglang, vllm, or a command with {model} {revision} {port} and {host}.",
            valueName: "template"))
    var targonArguments = "sglang"

    @OptionGroup var account: TargonAccountOptions

    @Option(help: "Seconds that a model without work is kept.")
    var targonIdle: Int64 = 300

    @Option(help: "Seconds that a workload must have been nobody's before it is deleted as a leftover.")
    var targonGrace: Int64 = 120

    func validate() throws {
        guard (0...86_400).contains(targonIdle) else {
            throw ValidationError("--targon-idle '\(targonIdle)' is not valid: expected 0 to 86400")
        }
        guard (0...86_400).contains(targonGrace) else {
            throw ValidationError("--targon-grace '\(targonGrace)' is not valid: expected 0 to 86400")
        }
        guard targon || (targonResource == nil && account.arena == nil && account.keyFile == nil) else {
            throw ValidationError("the options of Targon need --targon")
        }
    }

    /// Nil unless Targon is asked for.
    ///
    /// - Parameter loadTimeout: In seconds.
    /// - Throws: What is missing, or `InvalidValue` naming what is wrong.
    func settings(loadTimeout: Int64) throws -> TargonSettings? {
        guard targon else { return nil }
        guard let targonResource else {
            throw ValidationError("--targon needs --targon-resource: what Targon calls the machine, such as h200-small")
        }
        var settings = try TargonSettings(
            account: account.account(), resource: targonResource, image: targonImage,
            template: EngineTemplate(targonArguments))
        settings.idle = .seconds(targonIdle)
        settings.grace = .seconds(targonGrace)
        settings.loadTimeout = .seconds(loadTimeout)
        return settings
    }
}
