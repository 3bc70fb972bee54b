import Digest
import Domain
import Foundation
import Rules
import TestSupport
import Testing

@Suite("Archives of contests")
struct ArchiveTests {
    private static func archive(seed: Int = 1) throws -> ContestArchive {
        var random = SeededRandom(seed: 7_000 + seed)
        let rule = try Contests.rule(&random)
        var tasks = Contests.completeTasks(&random, under: rule)
        tasks[0] = tasks[0].with(challenger: .infraFault)
        let record = try Contests.record(tasks, under: rule)
        let digests = record.digests()
        return ContestArchive(
            contest: ContestID(rawValue: 12), record: record,
            stored: StoredVerdict(
                verdict: record.decide(), outcomeDigest: digests.outcome.hex, evidenceDigest: digests.evidence.hex))
    }

    private static func encoded(_ archive: ContestArchive) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(archive), as: UTF8.self)
    }

    private static func decoded(_ text: String) throws -> ContestArchive {
        try JSONDecoder().decode(ContestArchive.self, from: Data(text.utf8))
    }

    @Test("an archive replays after it was written and read, and comes to what was stored", arguments: 0..<20)
    func roundTrip(seed: Int) throws {
        let archive = try Self.archive(seed: seed)
        let read = try Self.decoded(Self.encoded(archive))
        #expect(read == archive)
        #expect(read.replay().match && read.replay().digest == archive.stored.evidenceDigest)
    }

    @Test("a part that was changed is named")
    func tampered() throws {
        let archive = try Self.archive()
        let text = try Self.encoded(archive)
        let slate = archive.record.slates[0]
        let changes: [(part: String, change: (inout [String: Any]) -> Void)] = [
            ("contest", { $0["contest"] = 13 }),
            (
                "rule",
                { json in
                    var record = json["record"] as? [String: Any] ?? [:]
                    record["rule"] = (record["rule"] as? String)?.replacing("exact", with: "full")
                    json["record"] = record
                }
            ),
            ("\(slate.environment).champion", { Self.change(&$0, "champion") }),
            ("\(slate.environment).challenger", { Self.change(&$0, "challenger") }),
            ("\(slate.environment).tasks", { Self.change(&$0, "tasks") }),
            (
                "verdict",
                { json in
                    var verdict = json["verdict"] as? [String: Any] ?? [:]
                    verdict["decision"] = verdict["decision"] as? String == "void" ? "dethroned" : "void"
                    json["verdict"] = verdict
                }
            ),
        ]
        for (part, change) in changes {
            var json = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            change(&json)
            let changed = String(decoding: try JSONSerialization.data(withJSONObject: json), as: UTF8.self)
            let error = #expect(throws: InvalidValue.self) { try Self.decoded(changed) }
            #expect(error?.field == "contest \(part == "contest" ? 13 : 12): \(part)", "\(error?.description ?? "")")
        }
    }

    @Test("who changes a score and the digest of its part is found by the digest of the whole")
    func forged() throws {
        let archive = try Self.archive()
        let tasks = archive.record.tasks
        let index = try #require(tasks.firstIndex { $0.champion.score != nil && $0.champion.score != .zero })
        let forged = tasks.enumerated().map { place, task in
            place != index
                ? task
                : SlateTask(
                    environment: task.environment, position: task.position, task: task.task, champion: .modelFault,
                    challenger: task.challenger)
        }
        let record = try Contests.record(forged, under: archive.record.rule)
        let read = try Self.decoded(
            Self.encoded(ContestArchive(contest: archive.contest, record: record, stored: archive.stored)))
        #expect(!read.replay().match)
    }

    @Test("another format is refused")
    func format() throws {
        let text = try Self.encoded(Self.archive()).replacing(ContestArchive.format, with: "affine/contest/9")
        let error = #expect(throws: InvalidValue.self) { try Self.decoded(text) }
        #expect(error?.field == "format")
    }

    /// Changes the last entry of a column of the first slate.
    private static func change(_ json: inout [String: Any], _ column: String) {
        var record = json["record"] as? [String: Any] ?? [:]
        var slates = record["slates"] as? [[String: Any]] ?? []
        var values = slates[0][column] as? [Any] ?? []
        values[values.count - 1] = column == "tasks" ? 999_999 : values.last is String ? NSNull() : "cancelled"
        slates[0][column] = values
        record["slates"] = slates
        json["record"] = record
    }
}
