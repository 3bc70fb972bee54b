internal import Domain
internal import Environments
internal import Inference

/// Evaluates the reference environments within the worker.
struct BuiltinEnvironments: Sendable {
    private let sandbox: Sandbox

    init(sandbox: Sandbox = Sandbox()) {
        self.sandbox = sandbox
    }

    func evaluate(_ task: TaskID, _ order: EnvironmentOrder, model: some ChatModel) async -> JobResult {
        guard let environment = ReferenceEnvironments.named(order.name) else {
            return .fault(.infraFault, "environment_unknown", "this worker does not contain '\(order.name)'")
        }
        let request = EvaluateRequest(
            taskID: task, seed: EvaluateRequest.seed(environment: order.name, taskID: task), model: "",
            temperature: order.temperature, timeout: order.timeout,
            difficulty: Int(order.parameters["difficulty"]?.integerValue ?? 0))
        do {
            switch try await ReferenceEvaluator(environment: environment, sandbox: sandbox).evaluate(
                request, chat: model)
            {
            case .scored(let evaluation): return .scored(evaluation.score, usage: evaluation.reply?.usage)
            case .unanswered(let failure, _): return JobResult(failure)
            case .environmentFault(let fault, _): return await classify(fault)
            }
        } catch is CancellationError {
            return .fault(.cancelled, "cancelled", "the work was cut short")
        } catch {
            return .fault(.environmentFault, "task_impossible", "\(error)", evidence: "no_answer_needed")
        }
    }

    /// A task that can't be graded is the environment's fault only where the sandbox itself works; a worker whose sandbox
    /// is broken says nothing about the task.
    private func classify(_ fault: EnvironmentFault) async -> JobResult {
        do {
            try await sandbox.check()
        } catch {
            return .fault(.infraFault, "sandbox_unavailable", "\(error)")
        }
        return .fault(
            .environmentFault, "grading_failed", fault.detail, evidence: fault.failsOnEmptyAnswer ? "empty_answer" : nil
        )
    }
}
