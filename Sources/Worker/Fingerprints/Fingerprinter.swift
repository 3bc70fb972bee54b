internal import Domain
internal import FoundationEssentials
internal import Inference
internal import Logging
internal import Postgres

/// Measures models for copy checks, beside the jobs: what they hold for likely after each of the probes.
struct Fingerprinter: Sendable {
    /// Calls at once: a check is to take seconds, and to leave the deployment to the jobs.
    private static let width = 8

    let worker: UUID
    let database: Database
    let lane: EndpointLane
    let logger: Logger

    /// Until cancelled.
    func run() async throws {
        while !Task.isCancelled {
            guard !lane.ready.isEmpty else {
                try await Task.sleep(for: .milliseconds(500))
                continue
            }
            do {
                if try await measureNext() { continue }
            } catch let error as PostgresError where error.isPassing {
                logger.warning("no fingerprint could be claimed", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 2_500...5_000)))
        }
    }

    /// False where there is nothing to measure, or it failed: others may have more luck then.
    private func measureNext() async throws -> Bool {
        guard let order = try await database.run(ClaimFingerprint(worker: worker, deployments: lane.ready)).first
        else { return false }
        let (answers, problem) = await measure(order)
        let report = ReportFingerprint(
            worker: worker, fingerprint: order.fingerprint, answers: answers, problem: problem)
        let isStored = try await store(report)
        logger.notice(
            answers == nil ? "a model could not be measured" : "a model was measured",
            metadata: [
                "fingerprint": "\(order.fingerprint)", "probes": "\(order.prompts.count)", "error": "\(problem)",
            ])
        return answers != nil && isStored
    }

    /// Asks again while the database is away: as long as this worker lives, no other measures the model.
    private func store(_ report: ReportFingerprint) async throws -> Bool {
        while true {
            do {
                return try await database.run(report).first == true
            } catch let error as PostgresError where error.isPassing {
                logger.warning("a fingerprint waits for the database", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    /// The answers as JSON, or why there are none.
    private func measure(_ order: ClaimFingerprint.Order) async -> (answers: String?, problem: String) {
        guard let client = lane.client(for: order.deployment)?.client else { return (nil, "its endpoint rests") }
        do throws(ChatFailure) {
            let answers = try await Self.answers(of: client, to: order.prompts)
            // An endpoint that began to serve another model meanwhile was not measured for this one.
            guard lane.ready.contains(order.deployment) else { return (nil, "its endpoint began to rest") }
            let text = try? JSONEncoder().encode(answers)
            return (text.map { String(decoding: $0, as: UTF8.self) }, text == nil ? "its answers are no JSON" : "")
        } catch {
            return (nil, "\(error)")
        }
    }

    private static func answers(
        of client: OpenAIClient, to prompts: [String]
    ) async throws(ChatFailure) -> [[TokenLikelihood]] {
        let results = await withTaskGroup(of: (Int, Result<[TokenLikelihood], ChatFailure>).self) { group in
            var results: [Result<[TokenLikelihood], ChatFailure>?] = Array(repeating: nil, count: prompts.count)
            var next = 0
            func ask() {
                guard next < prompts.count else { return }
                let (place, prompt) = (next, prompts[next])
                next += 1
                group.addTask {
                    do throws(ChatFailure) {
                        return (place, .success(try await client.nextTokens(after: prompt)))
                    } catch {
                        return (place, .failure(error))
                    }
                }
            }
            for _ in 0..<width { ask() }
            while let (place, result) = await group.next() {
                results[place] = result
                // What has failed once is not asked the rest.
                if case .success = result { ask() }
            }
            return results
        }
        var answers: [[TokenLikelihood]] = []
        for case .some(let result) in results { answers.append(try result.get()) }
        return answers
    }
}
