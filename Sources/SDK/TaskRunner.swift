internal import Domain
internal import EnvironmentCalls
internal import Inference

/// Runs one task, with as many attempts as its policy grants.
struct TaskRunner: Sendable {
    let caller: EnvironmentCaller
    let client: OpenAIClient
    let baseURL: String
    let seed: UInt32?
    let settings: EnvironmentSettings
    let retry: RetryPolicy
    let clock: any Clock<Duration>

    func run(_ task: TaskID) async -> TaskResult {
        await run(TaskCall(task, in: settings.name, seed: seed), clock)
    }

    private func run<Time: Clock<Duration>>(_ call: TaskCall, _ clock: Time) async -> TaskResult {
        let start = clock.now
        var attempt = 1
        while true {
            let result = await caller.evaluate(call, settings, model: client, name: client.model, baseURL: baseURL)
            let wait = retry.wait(after: attempt, outcome: result.outcome, retryAfter: result.retryAfter)
            guard let wait, !Task.isCancelled, (try? await clock.sleep(for: wait)) != nil else {
                return TaskResult(
                    result, task: call.task, in: settings.name, attempts: attempt,
                    duration: start.duration(to: clock.now))
            }
            attempt += 1
        }
    }
}
