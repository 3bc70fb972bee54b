import Domain
import Foundation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// `af contest trace` of the demo's contest, read by the official definition of OTLP: `receiver.py`.
@Suite(.finishedDemo, .serialized, .timeLimit(.minutes(10))) struct TraceTests {
    private struct Receiver: Sendable {
        let url: String
        let file: String

        func spans() throws -> [JSONValue] {
            let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
            return try text.split(separator: "\n").map { try #require(JSONValue(json: $0.utf8)) }
        }

        func send(_ contest: String, tenant: String) async throws -> Program.Ended {
            try await Program.run(
                ["contest", "trace", contest, "--endpoint", url, "--data", try FinishedDemo.current.folder],
                environment: ["OTEL_EXPORTER_OTLP_HEADERS": tenant])
        }
    }

    private static func receiving(_ body: @escaping @Sendable (Receiver) async throws -> Void) async throws {
        let here = URL(filePath: #filePath).deletingLastPathComponent()
        let file = FileManager.default.temporaryDirectory.appending(path: "spans-\(UUID().uuidString)").path
        let ended = try await Subprocess.run(
            .path(FilePath(here.appending(path: "../../../.build/otlp/bin/python").standardized.path)),
            arguments: [here.appending(path: "receiver.py").path, file], input: .none, output: .sequence,
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
        ) { receiver in
            var lines = receiver.standardOutput.strings().makeAsyncIterator()
            let url = try #require(try await lines.next())
            let result: Result<Void, any Error>
            do { result = .success(try await body(Receiver(url: url, file: file))) } catch { result = .failure(error) }
            try receiver.send(signal: .terminate)
            return result
        }
        try? FileManager.default.removeItem(atPath: file)
        try ended.closureResult.get()
    }

    private static func scores(_ spans: [JSONValue]) -> [String] {
        spans.compactMap { span in
            let values = span["attributes"]
            guard let score = values?["affine.score"]?.doubleValue, let task = values?["affine.task.id"]?.integerValue
            else {
                return nil
            }
            return "\(span["trace"]?.stringValue ?? "") \(task) \(score)"
        }
    }

    @Test("every attempt of both sides is a span below its environment's, with its times, score and error")
    func whole() async throws {
        let explained = try await Program.run(
            "contest", "explain", "2", "--json", "--data", try FinishedDemo.current.folder
        ).json()
        let tries = try #require(explained["tries"]?.arrayValue).reduce(0) { $0 + ($1["tries"]?.integerValue ?? 0) }
        try await Self.receiving { receiver in
            let sent = try await receiver.send("2", tenant: "x-tenant=arena,x-other=1")
            #expect(sent.exitCode == 0, "\(sent.errors)")
            let spans = try receiver.spans()
            #expect(sent.output == "\(spans.count) spans of contest 2 sent to \(receiver.url)/v1/traces\n")
            let attempts = spans.filter { $0["name"]?.stringValue == "attempt" }
            #expect(attempts.count == Int(tries) && tries > 0)
            let known = Dictionary(grouping: spans, by: { $0["span"]?.stringValue ?? "" })
            #expect(known.count == spans.count)
            for attempt in attempts {
                let environment = try #require(known[attempt["parent"]?.stringValue ?? ""]?.first)
                #expect(
                    environment["trace"] == attempt["trace"] && environment["attributes"]?["affine.environment"] != nil)
                let (start, end) = (environment["start"]?.integerValue ?? 0, environment["end"]?.integerValue ?? 0)
                #expect(
                    try start <= #require(attempt["start"]?.integerValue)
                        && end >= #require(attempt["end"]?.integerValue))
                #expect(attempt["worker"]?.stringValue?.isEmpty == false)
                #expect(
                    (attempt["attributes"]?["affine.score"] == nil) == (attempt["is_error"] == .bool(true)))
            }
            let contest = try #require(spans.first { $0["name"]?.stringValue == "contest" })
            let champion = try #require(spans.first { $0["name"]?.stringValue == "champion's evaluation" })
            #expect(
                contest["links"]?.arrayValue == [champion["trace"] ?? .null] && contest["trace"] != champion["trace"])
            #expect(contest["attributes"]?["affine.verdict"] == explained["verdict"])
            // Sent again it is the same trace, and printed too.
            _ = try await receiver.send("2", tenant: "x-tenant=arena")
            let twice = try receiver.spans()
            #expect(twice.count == spans.count * 2 && Array(twice.dropFirst(spans.count)) == spans)
            #expect(Set(Self.scores(spans)).count > 1)
        }
    }

    @Test("a receiver's refusal is told in its own words, and of a contest that is not there nothing is sent")
    func refused() async throws {
        try await Self.receiving { receiver in
            let unknown = try await receiver.send("2", tenant: "x-tenant=nobody")
            #expect(unknown.exitCode == 1)
            #expect(
                unknown.errors.contains("\(receiver.url)/v1/traces answered 400: the tenant is not known"),
                "\(unknown.errors)")
            let full = try await receiver.send("2", tenant: "x-tenant=full")
            #expect(full.exitCode == 1)
            #expect(
                full.errors.contains("/v1/traces refused ") && full.errors.contains(" spans: no room"), "\(full.errors)"
            )
            let odd = try await receiver.send("2", tenant: "secret")
            #expect(odd.exitCode == 1)
            #expect(
                odd.errors.contains("OTEL_EXPORTER_OTLP_HEADERS") && !odd.errors.contains("secret"), "\(odd.errors)")
            let absent = try await receiver.send("77", tenant: "x-tenant=arena")
            #expect(absent.exitCode == 1 && absent.errors.contains("there is no contest 77"), "\(absent.errors)")
            try #expect(receiver.spans().isEmpty)
        }
    }
}
