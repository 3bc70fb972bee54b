import ArgumentParser
import Coordinator
import Domain
import FoundationEssentials
import HTTPClient
import Postgres

struct ChainReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Play a recorded chain through admission, contests and weights.",
        discussion: """
            FILE has one block a line, in the order in which a node heard of them (docs/chain.md). A block counts once \
            --depth others follow it, so what a re-organisation takes back leaves no trace. Blocks in which nothing happens \
            are passed over at once; at the others the arena moves until it waits, so the end does not depend on how fast \
            workers are. Workers have to be running where contests are to be held; weights are recorded as final when due.
            """)
    @OptionGroup var options: CommonOptions
    @OptionGroup var arena: ArenaOptions
    @OptionGroup var admission: AdmissionOptions

    @Option(help: "How many blocks have to follow one until it is final.")
    var depth = 3

    @Option(help: "Share of all weight that is burnt: 0 to 1.")
    var burn = "0"

    @Argument(help: "The recorded chain (- for standard input).")
    var file: String

    func validate() throws {
        guard depth >= 0 else { throw ValidationError("--depth '\(depth)' is not valid: expected 0 or more") }
        guard let share = Score(decimal: burn), .zero...Score.one ~= share else {
            throw ValidationError("--burn '\(burn)' is not valid: expected 0 to 1 with at most nine decimals")
        }
    }

    func run() async throws {
        let blocks = try Self.blocks(of: file)
        let logger = options.logger
        let report = try await Backend.with(options, logger: logger) { backend in
            var settings = ChainReplay.Settings()
            settings.depth = depth
            settings.refreshBlocks = arena.refreshBlocks
            settings.emission.burn = Score(decimal: burn) ?? .zero
            let http = HTTPClient()
            let replay = ChainReplay(
                database: backend.database, contests: arena.settings, hub: admission.client(http),
                policy: try admission.policy(), audit: try admission.audit(http), settings: settings, logger: logger)
            let report = try await replay.play(blocks, progress: ProgressLine.teller("blocks"))
            await http.close()
            return report
        }
        if options.json { return try Output.json(report) }
        print("\(report.blocks) blocks, \(report.reveals) commitments; head \(report.head)")
        print(
            "states \(report.miners.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))"
        )
        print("digest \(report.digest)")
    }

    private static func blocks(of file: String) throws -> [RecordedBlock] {
        var blocks: [RecordedBlock] = []
        for (index, line) in try InputFile.read(file).split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        where !line.allSatisfy(\.isWhitespace) {
            do {
                blocks.append(try JSONDecoder().decode(RecordedBlock.self, from: Data(line.utf8)))
            } catch let error as InvalidValue {
                throw CommandError("'\(file)' line \(index + 1): \(error)")
            } catch let error as DecodingError {
                throw CommandError("'\(file)' line \(index + 1) is no block: \(ArchiveFile.words(for: error))")
            }
        }
        return blocks
    }
}
