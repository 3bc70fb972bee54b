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
        case .csv: try CSV.text([Self.columns] + report.results.map(Self.fields(of:)))
        case .json: try Self.line(report.document)
        case .jsonl: try report.results.map { try Self.line($0.document) }.joined()
        }
    }

    /// Of a CSV file, which has no conversations.
    private static let columns = [
        "environment", "task", "outcome", "score", "attempts", "seconds", "prompt_tokens", "completion_tokens",
        "error_code", "error_detail",
    ]

    private static func fields(of result: TaskResult) throws -> [String] {
        let document = result.document
        return try columns.map { $0 == "score" ? result.score?.description ?? "" : try CSV.field(document[$0]) }
    }

    private static func line(_ value: JSONValue) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}
