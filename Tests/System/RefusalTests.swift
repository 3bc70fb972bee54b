import FoundationEssentials
import TestSupport
import Testing

/// A command line that is refused before anything is touched.
private struct Refused: CustomTestStringConvertible, Sendable {
    let arguments: [String]
    let message: String
    var environment: [String: String] = [:]

    init(_ arguments: String..., environment: [String: String] = [:], message: String) {
        self.arguments = arguments
        self.environment = environment
        self.message = message
    }

    var testDescription: String { "af " + arguments.joined(separator: " ") }

    static let hotkey = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    static let revision = String(repeating: "a", count: 40)
    static let endpoint = "owner/name@\(revision)=http://127.0.0.1:1/v1"

    static let environments = [
        Refused(
            "env", "define", "chess",
            message: "no environment 'chess' is built in (there are abd, ded): give the --base-url of its server"),
        Refused(
            "env", "define", "Chess",
            message:
                "environment 'Chess' is not valid: expected 1-63 characters of a-z, 0-9, '.', '_', ':' and '-', beginning with"
        ),
        Refused(
            "env", "define", "abd", "--range", "5..<5",
            message: "range '5..<5' is not valid: expected two task ids such as 0..<1000, the first below the second"),
        Refused(
            "env", "define", "abd", "--range", "all",
            message: "range 'all' is not valid: expected two task ids such as 0..<1000, the first below the second"),
        Refused(
            "env", "define", "abd", "--range=-5..<5",
            message: "environment abd: dataset_ranges '-5..<5' is not valid: expected task ids of 0 or more"),
        Refused(
            "env", "define", "abd", "--range", "0..<10", "--sampling-count", "11",
            message: "environment abd: sampling_count '11' is not valid: expected 1 to 10: the ranges hold 10 tasks"),
        Refused(
            "env", "define", "abd", "--sampling-count", "0",
            message: "environment abd: sampling_count '0' is not valid: expected 1 to"),
        Refused(
            "env", "define", "abd", "--margin", "1",
            message:
                "environment abd: margin '1' is not valid: expected 0 or more, and less than the score span 1 of [0, 1]"
        ),
        Refused(
            "env", "define", "abd", "--margin=-0.1",
            message: "environment abd: margin '-0.1' is not valid: expected 0 or more"),
        Refused(
            "env", "define", "abd", "--margin", "much",
            message: "environment abd: margin 'much' is not valid: expected a decimal number with at most nine decimals"
        ),
        Refused(
            "env", "define", "abd", "--lo", "1", "--hi", "0.5",
            message: "environment abd: hi '0.5' is not valid: expected more than lo, which is 1"),
        Refused(
            "env", "define", "abd", "--timeout", "0",
            message: "environment abd: timeout '0.0 seconds' is not valid: expected 0.1 to"),
        Refused(
            "env", "define", "abd", "--run-length", "0",
            message: "environment abd: run_length '0' is not valid: expected 1 to 1000"),
        Refused(
            "env", "define", "remote", "--base-url", "nonsense",
            message: "environment remote: base_url 'nonsense' is not valid: expected an http or https URL"),
        Refused("env", "define", "abd", "--parameter", "x", message: "parameter 'x' is not valid: expected key=value"),
        Refused("env", "add", message: "name the file of the definitions, or give --known"),
        Refused("env", "add", "/nowhere.yaml", message: "'/nowhere.yaml' can't be read: No such file or directory"),
        Refused(
            "env", "add", "--known", "navwrld",
            message: "no definition of 'navwrld' ships with the program; there are affine-abd, affine-ded, lgc, game,"),
        Refused("env", "show", "no env", message: "environment 'no env' is not valid: expected 1-63 characters"),
    ]

    static let engines = [
        Refused(
            "worker", "run", "--endpoint", endpoint, "--containers", "ssh://host",
            message:
                "container engine 'ssh://host' is not valid: expected unix:///path/to/socket or tcp://host:port (ssh:// is"
        ),
        Refused(
            "worker", "run", "--endpoint", endpoint, environment: ["DOCKER_HOST": "docker"],
            message: "container engine 'docker' is not valid: expected unix:///path/to/socket or tcp://host:port"),
        Refused(
            "worker", "run", "--endpoint", endpoint, "--containers", "tcp://elsewhere:1", "--container-network", "host",
            message:
                "container network 'host' is not valid: expected 'bridge' for tcp://elsewhere:1: an engine elsewhere"),
    ]

    static let miners = [
        Refused(
            "miner", "add", "me", "owner/name@\(revision)", "--block", "1",
            message: "hotkey 'me' is not valid: expected an SS58 address of 46-48 base-58 characters"),
        Refused(
            "miner", "add", hotkey, "owner@\(revision)", "--block", "1",
            message:
                "model 'owner' is not valid: expected a repository 'owner/name' of letters, digits, '.', '_' and '-'"),
        Refused(
            "miner", "add", hotkey, "owner/name@main", "--block", "1",
            message: "revision 'main' is not valid: expected a commit of 40 lower-case hexadecimal digits"),
        Refused(
            "miner", "add", hotkey, "owner/name", "--block", "1",
            message: "model 'owner/name' is not valid: expected 'owner/name@revision'"),
        Refused(
            "miner", "add", hotkey, "owner/name@\(revision)", message: "Missing expected argument '--block <block>'"),
        Refused("miner", "show", "me", message: "hotkey 'me' is not valid: expected an SS58 address"),
        Refused("chain", "observe", "5", "abc", message: "block hash 'abc' is not valid: expected 64 "),
    ]

    static let services = [
        Refused("worker", "run", message: "a worker needs a model: --endpoint owner/name@revision=URL"),
        Refused(
            "worker", "run", "--endpoint", endpoint,
            message: "a worker needs a database: --database-url or AFFINE_DATABASE_URL"),
        Refused(
            "worker", "run", "--endpoint", "owner/name",
            message: "endpoint 'owner/name' is not valid: expected 'owner/name@revision=URL'"),
        Refused(
            "up", "--endpoint", "owner/name@\(revision)=ftp://host",
            message: "endpoint URL 'ftp://host' is not valid: expected an http or https URL"),
        Refused(
            "worker", "run", "--endpoint", endpoint, "--concurrency", "0",
            message: "--concurrency '0' is not valid: expected 1 to 10000"),
        Refused(
            "worker", "run", "--endpoint", endpoint, "--hourly-price=-1",
            message: "--hourly-price '-1.0' is not valid: expected 0 to 1000000"),
        Refused(
            "worker", "run", "--endpoint", endpoint, "--ttl", "601",
            message: "--ttl '601' is not valid: expected 1 to 600"),
        Refused("up", "--refresh-blocks", "0", message: "--refresh-blocks '0' is not valid: expected 1 or more"),
        Refused("demo", "--workers", "17", message: "--workers '17' is not valid: expected 1 to 16"),
        Refused("demo", "--models", "scripted", "--tasks", "0", message: "--tasks '0' is not valid: expected 1 to "),
        Refused("demo", "--models", "best", message: "'best'"),
        Refused(
            "demo", "--models", "scripted", environment: ["AFFINE_DATABASE_URL": "postgresql:///x"],
            message: "the demo uses a private cluster only: unset AFFINE_DATABASE_URL"),
        Refused("db", "reset", message: "reset deletes all history: say --yes if that is meant"),
        Refused(
            "miner", "list", "--json", "--output", "csv",
            message: "--json and --output csv contradict each other: leave one of them out"),
        Refused("contest", "list", "--output", "xml", message: "'xml'"),
        Refused("up", "--look-ahead", "65", message: "--look-ahead '65' is not valid: expected 0 to 64"),
        Refused(
            "up", "--copy-gap", "0",
            message:
                "--copy-gap '0' is not valid: expected a number from 0.000001 to 10 with at most nine decimals"),
        Refused(
            "up", "--copy-doubt", "1.5",
            message:
                "--copy-doubt '1.5' is not valid: expected a number above 0, to 1, with at most nine decimals"),
        Refused(
            "up", "--copy-probes", "9", "--copy-positions", "10",
            message: "--copy-positions '10' is not valid: expected 1 to --copy-probes, 9"),
        Refused(
            "up", "--copy-minutes", "0", message: "--copy-minutes '0' is not valid: expected 1 to 10080"),
        Refused(
            "rank", environment: ["AFFINE_LOG_FORMAT": "xml"],
            message: "AFFINE_LOG_FORMAT 'xml' is not valid: expected text or json"),
        Refused("rank", "--nonsense", message: "Unknown option '--nonsense'"),
    ]

    static let databases = [
        Refused("rank", "--database-url", "postgresql:///x?host=/nonexistent", message: "/nonexistent"),
        Refused("miner", "list", "--database-url", "postgresql://127.0.0.1:1/x", message: "127.0.0.1"),
        Refused("db", "migrate", "--database-url", "postgresql://user:secret@127.0.0.1:1/x", message: "127.0.0.1"),
        Refused("rank", "--database-url", "nonsense", message: "neither a postgresql:// URL nor key=value pairs"),
        Refused(
            "rank", environment: ["AFFINE_DATABASE_URL": "postgresql://h:p:o/x"],
            message: #"invalid integer value "p:o" for connection option "port""#),
        Refused(
            "worker", "run", "--endpoint", endpoint, "--database-url", "nonsense",
            message: "neither a postgresql:// URL nor key=value pairs"),
    ]
}

@Suite(.timeLimit(.minutes(10))) struct RefusalTests {
    @Test(
        "Bad input is refused with one line that names the value and what is allowed, before anything is touched",
        arguments: Refused.environments + Refused.engines + Refused.miners + Refused.services)
    private func badInput(_ refused: Refused) async throws {
        try await withDataFolder { folder in
            let ended = try await Program.run(refused.arguments + ["--data", folder], environment: refused.environment)
            #expect(ended.exitCode != 0)
            #expect(ended.output.isEmpty)
            let first = try #require(ended.complaints.first)
            #expect(first.hasPrefix("Error: "))
            #expect(first.contains(refused.message))
            // How to use the command may follow, but no second error and no log.
            #expect(!ended.errors.dropFirst().contains("Error: "))
            #expect(ended.errors.split(separator: "\n").count == ended.complaints.count)
            #expect(!FileManager.default.fileExists(atPath: folder))
        }
    }

    @Test(
        "A database that can't be reached is told in one line that names it, without its password",
        arguments: Refused.databases)
    private func unreachable(_ refused: Refused) async throws {
        let ended = try await Program.run(refused.arguments, environment: refused.environment)
        #expect(ended.exitCode == 1)
        #expect(ended.output.isEmpty)
        #expect(ended.complaints.count == 1)
        let line = try #require(ended.complaints.first)
        #expect(line.hasPrefix("Error: "))
        #expect(line.contains(refused.message))
        #expect(!ended.errors.contains("secret"))
    }
}
