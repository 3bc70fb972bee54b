public import Domain
internal import FoundationEssentials
internal import Subprocess
internal import SystemPackage

/// Moves models to and from the hub through its official library, in a process of its own (`deploy/hub-client`). The token goes
/// from our environment (`HF_TOKEN`) to the process's; it is in no argument and no log.
public struct HubTransfers: Sendable {
    /// The client's own version of what it prints; another one is refused.
    static let protocolVersion: Int64 = 1

    private let python: String
    private let script: String
    private let endpoint: String?

    /// What came of a transfer.
    public struct Done: Sendable {
        /// The commit that was fetched or made.
        public let revision: String
        public let files: Int64
        public let bytes: Int64
    }

    /// - Parameters:
    ///   - folder: As `deploy/hub-client/install` made it.
    ///   - endpoint: The hub's address; nil for the one that `HF_ENDPOINT` names, or the library's own.
    public init(folder: String, endpoint: String? = nil) {
        python = "\(folder)/venv/bin/python"
        script = "\(folder)/hub.py"
        self.endpoint = endpoint
    }

    /// Fetches every file of a model. The folder is there when all of them are, each with the hash that the hub has of it;
    /// what was fetched before an interruption waits beside it in `FOLDER.partial-…`, and is used when this is tried again.
    ///
    /// - Throws: `HubTransferError` with what the hub or the library said.
    public func pull(
        _ model: ModelReference, to folder: String, progress: WorkProgress = { _, _ in }
    ) async throws -> Done {
        try await run(["pull", model.repository, model.revision, folder], progress)
    }

    /// Makes a commit that holds the folder's files and no others; the repository is made when there is none. Nothing is
    /// committed when the newest commit holds them already.
    ///
    /// - Throws: `HubTransferError` with what the hub or the library said, or when the hub has other bytes than the folder.
    public func push(
        _ folder: String, to repository: String, title: String, progress: WorkProgress = { _, _ in }
    ) async throws -> Done {
        try await run(["push", repository, folder, "--message", title], progress)
    }

    private func run(_ words: [String], _ progress: WorkProgress) async throws -> Done {
        var stopping = PlatformOptions()
        stopping.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(5))]
        let surroundings: Environment = endpoint.map { .inherit.updating(["HF_ENDPOINT": $0]) } ?? .inherit
        let ended = try await Subprocess.run(
            .path(FilePath(python)), arguments: Arguments([script] + words), environment: surroundings,
            platformOptions: stopping, input: .none, output: .sequence,
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
        ) { execution in
            var reader = TransferReader()
            var rest: [UInt8] = []
            for try await buffer in execution.standardOutput {
                buffer.withUnsafeBytes { unsafe rest.append(contentsOf: $0) }
                while let end = rest.firstIndex(of: 0x0A) {
                    try reader.read(Array(rest[..<end]), progress)
                    rest.removeSubrange(...end)
                }
            }
            return reader.done
        }
        guard let done = ended.closureResult else {
            throw HubTransferError("the hub's client ended with \(ended.terminationStatus) before it was done")
        }
        return done
    }
}

/// Understands what the client prints, line by line.
private struct TransferReader {
    private var isGreeted = false
    private(set) var done: HubTransfers.Done?

    mutating func read(_ line: [UInt8], _ progress: WorkProgress) throws {
        let said = JSONValue(json: line)
        guard isGreeted else {
            guard said?["hub"] == .integer(HubTransfers.protocolVersion) else {
                throw HubTransferError(
                    "the hub's client speaks another version than \(HubTransfers.protocolVersion): "
                        + "'\(String(decoding: line.prefix(200), as: UTF8.self))'; install it again")
            }
            isGreeted = true
            return
        }
        if let error = said?["error"]?.stringValue { throw HubTransferError(error) }
        let bytes = said?["bytes"]?.integerValue
        if let bytes, let total = said?["of"]?.integerValue {
            progress(Int(bytes), Int(total))
        } else if let bytes, let revision = said?["revision"]?.stringValue, let files = said?["files"]?.integerValue {
            done = HubTransfers.Done(revision: revision, files: files, bytes: bytes)
        } else {
            throw HubTransferError("the hub's client said '\(String(decoding: line.prefix(200), as: UTF8.self))'")
        }
    }
}

public struct HubTransferError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
