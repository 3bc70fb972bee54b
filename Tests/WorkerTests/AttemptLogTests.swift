import Foundation
import TestSupport
import Testing
import Worker

/// What a worker's log tells of attempts.
@Suite(.arena, .timeLimit(.minutes(5))) struct AttemptLogTests {
    let board = Board()

    @Test("each attempt is told of with the ids that find it in the tables, and not what the model said")
    func ids() async throws {
        let log = LogLines()
        let server = endpoint { _ in [completion("words of the model")] }
        try await board.plan(.init(tasks: 1...2))
        try await withWorker(settings(server), logger: log.logger) { _ in try await board.untilFinished(2) }
        let lines = log.text.split(separator: "\n").filter { $0.hasPrefix("a job ended ") }
        #expect(lines.count == 2)
        let attempts = try await board.text(
            """
            SELECT string_agg(concat_ws(' ', 'worker.id', upper(worker::text), 'lease.id', upper(lease::text),
                                        'evaluation.id', evaluation, 'deployment.id', deployment, 'environment.id', environment,
                                        'job.position', position, 'attempt.number', attempt, 'attempt.outcome', outcome), ';')
            FROM affine.attempt
            """
        ).split(separator: ";")
        for attempt in attempts {
            let words = attempt.split(separator: " ")
            let pairs = stride(from: 0, to: words.count, by: 2).map { "\"\(words[$0])\": \(words[$0 + 1])" }
            #expect(lines.contains { line in pairs.allSatisfy(line.contains) }, "\(pairs) in \(lines)")
        }
        #expect(!log.text.contains("words of the model"))
    }
}
