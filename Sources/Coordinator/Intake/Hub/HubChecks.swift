internal import Domain

/// A check of what the hub shows of the committed model. Whatever it finds is final only when it was seen twice.
package protocol HubCheck: Sendable {
    /// Why the model is refused, and what was seen; nil when it passes.
    func refusal(of model: HubModel, in application: Application, under policy: AdmissionPolicy)
        -> (reason: String, evidence: String)?
}

/// In their order: the first that does not pass decides.
package enum HubChecks {
    package static let all: [any HubCheck] = [
        IsOpen(), ResolvesToItself(), HasWeights(), HasAllowedArchitecture(), HasItsOwnHistory(), HasHarmlessTemplate(),
    ]

    /// What follows from an answer, through all checks.
    package static func finding(
        on answer: HubAnswer, in application: Application, under policy: AdmissionPolicy
    ) -> AdmissionFinding {
        findings(on: answer, in: application, under: policy).first ?? .pass
    }

    /// Everything that stands against the model, in the order of the checks.
    static func findings(
        on answer: HubAnswer, in application: Application, under policy: AdmissionPolicy
    ) -> [AdmissionFinding] {
        let name = application.model?.description ?? ""
        switch answer {
        case .repositoryMissing: return [.refusedIfConfirmed("hf_repo_not_found", evidence: "\(name): 404")]
        case .revisionMissing: return [.refusedIfConfirmed("hf_revision_not_found", evidence: "\(name): 404")]
        case .gated: return [.refusedIfConfirmed("hf_repo_gated", evidence: "\(name): access is gated")]
        case .accessDenied: return [.refusedIfConfirmed("hf_repo_private", evidence: "\(name): access is denied")]
        case .unavailable(let why): return [.unknown("hf_model_fetch_failed", evidence: why)]
        case .found(let model):
            // What is closed was not looked into, so the other checks have nothing to say of it.
            let isOpen = IsOpen().refusal(of: model, in: application, under: policy) == nil
            return (isOpen ? all : [IsOpen()]).compactMap { check in
                check.refusal(of: model, in: application, under: policy).map {
                    .refusedIfConfirmed($0.reason, evidence: $0.evidence)
                }
            }
        }
    }
}

package struct IsOpen: HubCheck {
    package init() {}

    package func refusal(
        of model: HubModel, in application: Application, under policy: AdmissionPolicy
    ) -> (reason: String, evidence: String)? {
        if model.isDisabled { return ("hf_repo_disabled", "the hub says disabled") }
        if model.isPrivate { return ("hf_repo_private", "the hub says private") }
        return model.isGated ? ("hf_repo_gated", "the hub says gated") : nil
    }
}

package struct ResolvesToItself: HubCheck {
    package init() {}

    package func refusal(
        of model: HubModel, in application: Application, under policy: AdmissionPolicy
    ) -> (reason: String, evidence: String)? {
        guard let committed = application.model?.revision, committed != model.commit else { return nil }
        return ("revision_mismatch:hf=\(model.commit)", "committed was \(committed)")
    }
}

package struct HasWeights: HubCheck {
    package init() {}

    package func refusal(
        of model: HubModel, in application: Application, under policy: AdmissionPolicy
    ) -> (reason: String, evidence: String)? {
        model.modelHash == nil ? ("model_check:no_weights", "no .safetensors or .bin file in LFS") : nil
    }
}

package struct HasAllowedArchitecture: HubCheck {
    package init() {}

    package func refusal(
        of model: HubModel, in application: Application, under policy: AdmissionPolicy
    ) -> (reason: String, evidence: String)? {
        guard let config = model.config, case .object = config else {
            return ("model_check:config_parse_failed", "config.json is not there, or no JSON object")
        }
        if case .object? = config["quantization_config"] {
            let method = config["quantization_config"]?["quant_method"]?.stringValue ?? "unknown"
            return ("model_check:quantized_model:\(method)", "config.json has a quantization_config")
        }
        var closest: (reason: String, evidence: String)?
        for architecture in policy.architectures {
            let wrong = architecture.fields.sorted { $0.key < $1.key }.first { config[path: $0.key] != $0.value }
            guard let wrong else { return nil }
            let seen = config[path: wrong.key].map(Self.text) ?? "absent"
            closest =
                closest ?? (
                    "model_check:model_not_allowed:\(wrong.key)=\(seen) (expected \(Self.text(wrong.value)))",
                    "no architecture fits; \(architecture.name) was tried first"
                )
        }
        return closest
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): value
        case .bool(let value): "\(value)"
        case .null, .array, .object: "something else"
        }
    }
}

package struct HasItsOwnHistory: HubCheck {
    package init() {}

    package func refusal(
        of model: HubModel, in application: Application, under policy: AdmissionPolicy
    ) -> (reason: String, evidence: String)? {
        let titles = model.commitTitles
        if titles.count > policy.maximumCommits {
            return ("duplicate_repo:from=blocked:too_many_commits", "\(titles.count) commits")
        }
        if let long = titles.first(where: { $0.unicodeScalars.count > policy.maximumTitle }) {
            return ("duplicate_repo:from=blocked:commit_msg_too_long", long.storable(200))
        }
        let mark = "Duplicate from "
        guard let title = titles.first(where: { $0.hasPrefix(mark) }) else { return nil }
        return ("duplicate_repo:from=\(title.dropFirst(mark.count))", title)
    }
}

package struct HasHarmlessTemplate: HubCheck {
    package init() {}

    package func refusal(
        of model: HubModel, in application: Application, under policy: AdmissionPolicy
    ) -> (reason: String, evidence: String)? {
        guard model.chatTemplates.contains(where: { !$0.isEmpty }) else {
            return ("malicious_template:missing_chat_template", "the tokenizer has no chat template")
        }
        guard
            let template =
                model.chatTemplates.first(where: { $0.unicodeScalars.count > policy.maximumTemplate })
        else { return nil }
        let length = template.unicodeScalars.count
        return ("malicious_template:template_exceeds_context_limit:\(length)", template.storable(200))
    }
}

extension JSONValue {
    /// A nested member by its dotted path, such as `text_config.hidden_size`.
    subscript(path path: String) -> JSONValue? {
        path.split(separator: ".").reduce(Optional(self)) { $0?[String($1)] }
    }
}
