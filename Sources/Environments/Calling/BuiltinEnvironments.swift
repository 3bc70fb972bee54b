internal import Domain
internal import Environments
internal import Inference

/// Evaluates the reference environments within the worker.
struct BuiltinEnvironments: Sendable {
    private let sandbox: Sandbox

    init(sandbox: Sandbox = Sandbox()) {
        self.sandbox = sandbox
    }

    func evaluate(_ call: TaskCall, _ settings: EnvironmentSettings, model: some ChatModel) async -> JobResult {
        guard let environment = ReferenceEnvironments.named(settings.name) else {
            return .fault(.infraFault, "environment_unknown", "this worker does not contain '\(settings.name)'")
        }
        let request = EvaluateRequest(
            taskID: call.task, seed: call.seed, model: "", temperature: settings.temperature, timeout: settings.timeout,
            difficulty: Int(settings.parameters["difficulty"]?.integerValue ?? 0))
        do {
            let evaluator = ReferenceEvaluator(environment: environment, sandbox: sandbox)
            let result = try await evaluator.evaluate(request, chat: model)
            return await self.result(of: result).with(conversation: result.evaluation.conversation)
        } catch is CancellationError {
            return .fault(.cancelled, "cancelled", "the work was cut short")
        } catch {
            return .fault(.environmentFault, "task_impossible", "\(error)", evidence: "no_answer_needed")
        }
    }

    private func result(of result: EvaluateResult) async -> JobResult {
        switch result {
        case .scored(let evaluation): .scored(evaluation.score, usage: evaluation.reply?.usage)
        case .unanswered(let failure, _): JobResult(failure)
        case .environmentFault(let fault, _): await classify(fault)
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
