internal import Domain

/// A check that needs no more than what the chain shows.
package protocol ChainCheck: Sendable {
    func finding(on application: Application, under policy: AdmissionPolicy) -> AdmissionFinding
}

/// Those before the hub is asked, in their order: the first that does not pass decides.
package enum ChainChecks {
    package static let all: [any ChainCheck] = [
        NotBlacklisted(), IsRegistered(), IsJSON(), HasFields(), CommittedOnce(), NamesTheSubnet(), EndsWithHotkey(),
    ]
}

/// Reason strings are read by existing clients; the order and the words are theirs.
package struct NotBlacklisted: ChainCheck {
    package init() {}

    package func finding(on application: Application, under policy: AdmissionPolicy) -> AdmissionFinding {
        policy.blacklist.contains(application.hotkey) ? .refused("blacklisted") : .pass
    }
}

package struct IsRegistered: ChainCheck {
    package init() {}

    package func finding(on application: Application, under policy: AdmissionPolicy) -> AdmissionFinding {
        guard let slot = application.slot else { return .unknown("not_registered", evidence: "no uid has this hotkey") }
        guard slot.uid != policy.burnUID else { return .refused("burn_uid", evidence: "uid \(slot.uid) burns") }
        return application.reveals.isEmpty ? .refused("no_commit") : .pass
    }
}

package struct IsJSON: ChainCheck {
    package init() {}

    package func finding(on application: Application, under policy: AdmissionPolicy) -> AdmissionFinding {
        application.commitment == nil
            ? .refused("invalid_json_commit", evidence: String(application.reveals.last?.payload.prefix(200) ?? ""))
            : .pass
    }
}

package struct HasFields: ChainCheck {
    package init() {}

    package func finding(on application: Application, under policy: AdmissionPolicy) -> AdmissionFinding {
        let commitment = application.commitment
        guard let model = commitment?.model, let revision = commitment?.revision, !model.isEmpty, !revision.isEmpty
        else {
            return .refused("incomplete_commit:missing_fields")
        }
        do {
            _ = try ModelReference(repository: model, revision: revision)
            return .pass
        } catch {
            return .refused("incomplete_commit:missing_fields", evidence: error.description)
        }
    }
}

package struct CommittedOnce: ChainCheck {
    package init() {}

    package func finding(on application: Application, under policy: AdmissionPolicy) -> AdmissionFinding {
        let count = application.reveals.count
        guard count > 1, application.block >= policy.singleCommitFromBlock else { return .pass }
        let blocks = application.reveals.map { "\($0.block)" }.joined(separator: ", ")
        return .refusedForGood("multiple_commits:count=\(count)", evidence: "committed in blocks \(blocks)")
    }
}

package struct NamesTheSubnet: ChainCheck {
    package init() {}

    package func finding(on application: Application, under policy: AdmissionPolicy) -> AdmissionFinding {
        let name = application.model?.repository ?? ""
        return policy.requiredWord.isEmpty || name.lowercased().contains(policy.requiredWord.lowercased())
            ? .pass : .refusedForGood("model_name_missing_affine", evidence: name)
    }
}

package struct EndsWithHotkey: ChainCheck {
    package init() {}

    package func finding(on application: Application, under policy: AdmissionPolicy) -> AdmissionFinding {
        guard application.block >= policy.hotkeySuffixFromBlock else { return .pass }
        let name = application.model?.repository.split(separator: "/").last.map(String.init) ?? ""
        return name.lowercased().hasSuffix(application.hotkey.rawValue.lowercased())
            ? .pass : .refusedForGood("repo_name_not_ending_with_hotkey:repo=\(name)")
    }
}

/// After the hub's checks, as existing clients expect.
package struct HoldsItsRegistration: ChainCheck {
    package init() {}

    package func finding(on application: Application, under policy: AdmissionPolicy) -> AdmissionFinding {
        guard let slot = application.slot, application.block >= policy.anchorFromBlock,
            slot.anchor != application.hotkey
        else { return .pass }
        return .refusedForGood(
            "hotkey_swapped_no_registration:registrant=\(slot.anchor.rawValue.prefix(10))",
            evidence: "uid \(slot.uid) was registered by \(slot.anchor)")
    }
}
