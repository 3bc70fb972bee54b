import Affine
import Domain
import FoundationEssentials
import Glibc
import SystemPackage

/// A file of results that appears whole or not at all: it is written beside its place under another name, and moved.
struct ResultFile: Sendable {
    enum Format: String, CaseIterable {
        case csv, json, jsonl
    }

    private let path: String
    private let format: Format
    private let overwrites: Bool
    private var draft: String { "\(path).\(getpid()).part" }

    /// - Throws: `CommandError` for a name without a known ending, and for a file that is there unless it may be
    ///   overwritten.
    init(_ path: String, overwrites: Bool) throws {
        guard let format = Format.allCases.first(where: { path.hasSuffix(".\($0.rawValue)") }) else {
            throw CommandError("--output '\(path)' is not valid: expected a name that ends with .csv, .json or .jsonl")
        }
        self.path = path
        self.format = format
        self.overwrites = overwrites
        if !overwrites, access(path, F_OK) == 0 { throw exists }
    }

    /// Makes sure that the file can be written, before anything is spent on its content.
    func begin() throws {
        try write([])
    }

    func finish(_ report: EvaluationReport) throws {
        try write(Array(text(of: report).utf8))
        // A link never takes the place of a file that appeared in the meantime.
        if overwrites {
            guard rename(draft, path) == 0 else { throw unwritable(Errno(rawValue: errno)) }
        } else {
            guard link(draft, path) == 0 else {
                throw errno == EEXIST ? exists : unwritable(Errno(rawValue: errno))
            }
            discard()
        }
    }

    func discard() {
        unlink(draft)
    }

    private func write(_ bytes: [UInt8]) throws {
        do { try OutputFile.write(bytes, to: draft) } catch { throw unwritable(error) }
    }

    private var exists: CommandError { CommandError("'\(path)' exists: --force overwrites it") }

    private func unwritable(_ error: any Error) -> CommandError {
        CommandError("'\(path)' can't be written: \(error)")
    }

    private func text(of report: EvaluationReport) throws -> String {
        switch format {
        case .csv: CSV.text(report.results)
        case .json: try Self.line(report.document)
        case .jsonl: try report.results.map { try Self.line($0.document) }.joined()
        }
    }

    private static func line(_ value: JSONValue) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}

/// Comma-separated values as RFC 4180 has them, without the conversations.
private enum CSV {
    private static let columns = [
        "environment", "task", "outcome", "score", "attempts", "seconds", "prompt_tokens", "completion_tokens",
        "error_code", "error_detail",
    ]

    static func text(_ results: [TaskResult]) -> String {
        let lines = results.map { result in
            let document = result.document
            return columns.map { $0 == "score" ? result.score?.description ?? "" : field(document[$0]) }
        }
        return ([columns] + lines).map { $0.joined(separator: ",") + "\r\n" }.joined()
    }

    private static func field(_ value: JSONValue?) -> String {
        guard let value, value != .null else { return "" }
        let text = Output.text(value)
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
