import ArgumentParser
import Coordinator

struct DoctorAuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Verify the event log's chain and the verdicts it tells of.",
        discussion: """
            Computes every event's digest anew, without the database's own functions, from the first event to the log's \
            head, and compares each contest that is over with the event of its verdict. The first thing that is wrong is \
            named, and the command exits with 1. Whoever may switch triggers off can write a log anew: note the link that \
            is printed elsewhere, and have it looked for later with --link. 'af contest replay --all' then proves that the \
            digests are those of the job history.
            """)
    @OptionGroup var options: CommonOptions

    @Option(
        name: .customLong("link"),
        help: ArgumentHelp(
            "EVENT=DIGEST, as this command printed it earlier; may be repeated.", valueName: "link"))
    var links: [LinkArgument] = []

    func run() async throws {
        let audit = try await Backend.with(options) { backend in
            try await ChainAuditor(database: backend.database).audit(
                links: links.map(\.link), progress: ProgressLine.teller("events"))
        }
        if options.json {
            try Output.json(audit)
        } else {
            print("\(audit.events) events and \(audit.contests) verdicts verified")
            print("link \(audit.head.event)=\(audit.head.digest)")
            if let problem = audit.problem { print("wrong: \(problem)") }
        }
        guard audit.problem == nil else { throw ExitCode.failure }
    }
}

/// `812=80ebc773…`.
struct LinkArgument: ExpressibleByArgument {
    let link: ChainAudit.Link

    init?(argument: String) {
        let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, let event = Int64(parts[0]), event >= 1, parts[1].count == 64,
            parts[1].allSatisfy({ $0.isHexDigit && !$0.isUppercase })
        else { return nil }
        link = ChainAudit.Link(event: event, digest: String(parts[1]))
    }
}
