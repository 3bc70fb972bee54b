import Domain
import Foundation
import HTTPClient
import Rules

@testable import Coordinator
@testable import EnvironmentCalls
@testable import EnvironmentServer
@testable import Inference

/// What strangers write and we read. None may end the process, whatever the bytes; what is taken must be what it says.
enum Subject: String, CaseIterable {
    /// A rule document, whose canonical form is read as the same rule.
    case rule
    /// What a miner committed on chain.
    case commitment
    /// What an environment's server says of a task.
    case answer
    /// What a model's server says to a prompt.
    case reply
    /// The body of a request to an environment's server.
    case call
    /// A line of a file of exported contests, which then replays.
    case export
    /// The record within such a line, without the digests that keep most changes from being read any further.
    case record

    func read(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        switch self {
        case .rule:
            guard let rule = try? RuleDocument(parsing: text) else { return }
            precondition((try? RuleDocument(parsing: rule.canonical)) == rule, "the canonical form is another rule")
        case .commitment: readCommitment(text)
        case .answer: _ = JobResult(answer: response(bytes))
        case .reply:
            guard let usage = try? ReplyReader.completion(response(bytes)).usage else { return }
            _ = usage.promptTokens + usage.completionTokens
        case .call:
            _ = try? AffinetesCall(envelope: bytes, contentType: "application/json")
            _ = AffinetesCall(method: "evaluate", body: bytes)
        case .export:
            guard let archive = try? JSONDecoder().decode(ContestArchive.self, from: Data(bytes)) else { return }
            _ = archive.replay()
        case .record:
            guard let record = try? JSONDecoder().decode(ContestRecord.self, from: Data(bytes)) else { return }
            guard let verdict = record.conclude(finished: true) else { return }
            _ = record.digests(verdict.decision)
        }
    }

    private func response(_ body: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: 200, headers: HTTPHeaders(), body: body)
    }

    private func readCommitment(_ text: String) {
        guard let hotkey = try? Hotkey("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY") else { return }
        let application = Application(
            hotkey: hotkey, reveals: [Reveal(hotkey: hotkey, block: 1, payload: text)], slot: (uid: 1, anchor: hotkey))
        guard let model = application.model else { return }
        precondition((try? ModelReference(model.description)) == model, "a model that is not named by its own name")
    }
}

/// The one that `FUZZ_SUBJECT` names.
private let subject: Subject = {
    let name = ProcessInfo.processInfo.environment["FUZZ_SUBJECT"] ?? ""
    guard let subject = Subject(rawValue: name) else {
        let names = Subject.allCases.map(\.rawValue).joined(separator: ", ")
        FileHandle.standardError.write(Data("FUZZ_SUBJECT is '\(name)': expected one of \(names)\n".utf8))
        exit(64)
    }
    return subject
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func readOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    subject.read(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
