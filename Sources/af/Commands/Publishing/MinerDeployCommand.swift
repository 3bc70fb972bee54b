import ArgumentParser
import Coordinator
import Domain

struct MinerDeployCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "miner-deploy", abstract: "Check a model in a folder, upload it to the hub, and commit it.",
        discussion: """
            The folder is checked as admission will check the repository, before anything is uploaded, and the repository again \
            before anything is committed. The repository's commit then holds the folder's files and no others. HF_TOKEN \
            authorises. Where an upload was interrupted, the same command goes on; 'af commit' commits what is on the hub already.
            """)
    @OptionGroup var signing: SigningOptions
    @OptionGroup var admission: AdmissionOptions
    @OptionGroup var hub: HubClientOptions
    @Flag(help: "Print JSON instead of text.")
    var json = false
    @Option(name: .shortAndLong, help: "The repository, owner/name; made when there is none.")
    var repo: String
    @Option(
        name: [.customLong("folder"), .customLong("model-path"), .customShort("p")], help: "The folder of the model.")
    var folder: String
    @Option(name: .shortAndLong, help: "Title of the commit on the hub.")
    var message = "Model"
    @Flag(
        help:
            "Make all checks and say what would be done; upload and commit nothing. Ends with 1 when something is wrong."
    )
    var dryRun = false
    @Flag(help: "Upload, but commit nothing on the chain.")
    var skipCommit = false
    @Flag(help: "Upload and commit although admission would refuse it.")
    var anyway = false

    func run() async throws {
        _ = try ModelReference(repository: repo, revision: String(repeating: "0", count: 40))
        let (chain, transfers) = (try signing.chain(), try hub.transfers(at: admission.endpoint))
        let (policy, model) = (try admission.policy(), try ModelFolder(folder))
        let standing = try await chain.standing(of: signing.signer)
        var publication = Publication(repository: repo, standing: standing)
        publication.facts["folder"] = .string(folder)
        publication.facts["model_hash"] = model.modelHash.map { .string($0) } ?? .null
        let objections = try AdmissionPreview(standing: standing, policy: policy)
            .objections(to: model, in: repo, titled: message)
        if dryRun {
            publication.facts["dry_run"] = .bool(true)
            publication.facts["would"] = .string(skipCommit ? "upload" : "upload and commit")
            try publication.report(objections, json: json)
            guard objections.isEmpty else { throw ExitCode.failure }
            return
        }
        try publication.refuse(
            objections, unless: anyway, then: "Nothing was uploaded; --anyway uploads and commits all the same")
        let done = try await Interruption.ending {
            try await transfers.push(
                folder, to: repo, title: message, progress: ProgressLine.teller("bytes to \(repo)"))
        }
        publication.facts["files"] = .integer(done.files)
        publication.facts["bytes"] = .integer(done.bytes)
        guard !skipCommit else {
            publication.facts["revision"] = .string(done.revision)
            return try publication.report(objections, json: json)
        }
        try await CommitCommand.commit(
            ModelReference(repository: repo, revision: done.revision), on: chain, as: signing.signer, under: policy,
            admission, dryRun: false, anyway: anyway, facts: publication.facts, json: json)
    }
}
