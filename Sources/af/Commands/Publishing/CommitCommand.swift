import ArgumentParser
import Coordinator
import Domain
import HTTPClient

struct CommitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit", abstract: "Publish a model as a hotkey's commitment on the chain.",
        discussion: """
            A hotkey commits once: what admission refuses for good can't be made good by a second commitment. So admission's \
            checks are made first, on what the chain shows of the hotkey and the hub of the model, and a commitment that would \
            be refused is not made. Not checked, because only an arena knows: whether equal weights were committed earlier, and \
            who registered the slot. The commitment is sealed for a block's time; it counts from the block that opens it.
            """)
    @OptionGroup var signing: SigningOptions
    @OptionGroup var admission: AdmissionOptions
    @Flag(help: "Print JSON instead of text.")
    var json = false
    @Option(name: .shortAndLong, help: "The model's repository, owner/name.")
    var repo: String
    @Option(help: "The model's commit: 40 hexadecimal digits.")
    var revision: String
    @Flag(help: "Make all checks and say what stands against it; commit nothing. Ends with 1 when something does.")
    var dryRun = false
    @Flag(help: "Commit although admission would refuse it.")
    var anyway = false

    func run() async throws {
        let model = try ModelReference(repository: repo, revision: revision)
        let (chain, policy) = (try signing.chain(), try admission.policy())
        try await Self.commit(
            model, on: chain, as: signing.signer, under: policy, admission, dryRun: dryRun,
            anyway: anyway, facts: [:], json: json)
    }

    /// Looks at the model as admission will, commits unless something stands against it, and prints what was done.
    static func commit(
        _ model: ModelReference, on chain: ChainBridge, as signer: ChainBridge.Wallet, under policy: AdmissionPolicy,
        _ admission: AdmissionOptions, dryRun: Bool, anyway: Bool, facts: [String: JSONValue], json: Bool
    ) async throws {
        let standing = try await chain.standing(of: signer)
        let http = HTTPClient()
        let answer = await admission.client(http).look(at: model)
        await http.close()
        let preview = AdmissionPreview(standing: standing, policy: policy)
        let objections = try preview.objections(to: model, on: answer)
        var publication = Publication(repository: model.repository, standing: standing, facts: facts)
        publication.facts["revision"] = .string(model.revision)
        if dryRun {
            publication.facts["dry_run"] = .bool(true)
            try publication.report(objections, json: json)
            guard objections.isEmpty else { throw ExitCode.failure }
            return
        }
        try publication.refuse(
            objections, unless: anyway, then: "Nothing was committed; --anyway commits \(model) all the same")
        let receipt = try await Interruption.ending { try await chain.commit(model, as: signer, again: anyway) }
        publication.facts["block"] = .integer(receipt.block)
        publication.facts["opens_at"] = .string(receipt.opensAt)
        try publication.report(objections, json: json)
    }
}
