internal import Digest
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// A JSON text as it goes out.
package struct Answer: Sendable {
    private let body: ByteBuffer
    private let tag: String

    package init(_ text: String) {
        body = ByteBuffer(string: text)
        // Weak, because what is sent may be compressed.
        tag = "W/\"\(SHA256Digest(of: text).hex.prefix(32))\""
    }

    package var text: String { String(buffer: body) }

    /// Nothing but the tag for who has this text already.
    func response(to request: Request?) -> Response {
        var headers: HTTPFields = [
            .contentType: "application/json", .eTag: tag, .cacheControl: "public, max-age=1",
        ]
        let known = request?.headers[.ifNoneMatch]?.split(separator: ",").map { $0.filter { $0 != " " } } ?? []
        if known.contains(where: { $0 == "*" || $0 == tag || "W/\($0)" == tag }) {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentLength] = "\(body.readableBytes)"
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: body))
    }
}

/// Answers that are at most a second old. However many ask, one is made; and while `run` runs, one that is asked for when it
/// is half that old is made anew beside the requests, so that nobody waits at a busy route.
package actor AnswerCache {
    private struct Kept {
        let answer: Answer
        /// When it began to be made: nothing in it is older.
        let begun: ContinuousClock.Instant
    }

    private static let mostKept = 1_000

    private let now: @Sendable () -> ContinuousClock.Instant
    private var kept: [String: Kept] = [:]
    /// Those who wait for an answer that is being made.
    private var making: [String: [CheckedContinuation<Answer?, Never>]] = [:]
    /// Those that `run` was asked to make.
    private var asked: Set<String> = []
    private let (refreshes, refresh) = AsyncStream<@Sendable () async -> Void>.makeStream(
        bufferingPolicy: .bufferingNewest(mostKept))

    package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.now = now
    }

    /// Makes answers anew before they are too old, until it is cancelled.
    package nonisolated func run() async {
        await withDiscardingTaskGroup { group in
            for await refresh in refreshes { group.addTask { await refresh() } }
        }
    }

    package func answer(
        to key: String, _ make: @escaping @Sendable () async throws -> String
    ) async throws -> Answer {
        while true {
            if let kept = kept[key], now() - kept.begun < .seconds(1) {
                if now() - kept.begun >= .milliseconds(500), making[key] == nil, asked.insert(key).inserted {
                    // Should it fail, whoever asks a second later is told.
                    refresh.yield { _ = try? await self.renewed(key, make) }
                }
                return kept.answer
            }
            if making[key] == nil { return try await next(key, make) }
            // Nil when making it failed for whoever did: then it is another's turn.
            if let made = await withCheckedContinuation({ making[key, default: []].append($0) }) { return made }
        }
    }

    /// Made by nobody else meanwhile.
    private func renewed(_ key: String, _ make: @Sendable () async throws -> String) async throws -> Answer? {
        making[key] == nil ? try await next(key, make) : nil
    }

    private func next(_ key: String, _ make: @Sendable () async throws -> String) async throws -> Answer {
        making[key] = []
        asked.remove(key)
        var made: Answer?
        defer { making.removeValue(forKey: key)?.forEach { $0.resume(returning: made) } }
        let begun = now()
        let answer = Answer(try await make())
        made = answer
        if kept.count >= Self.mostKept { kept.removeAll() }
        kept[key] = Kept(answer: answer, begun: begun)
        return answer
    }
}
