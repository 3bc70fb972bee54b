package import Domain

/// What the chain shows of a hotkey that wants to enter.
package struct Application: Sendable {
    package var hotkey: Hotkey
    /// Everything it revealed, in the order of the chain; at least one. The last one counts.
    package var reveals: [Reveal]
    /// Its slot and the hotkey that the slot was registered with; nil while it is not registered.
    package var slot: (uid: Int32, anchor: Hotkey)?

    package init(hotkey: Hotkey, reveals: [Reveal], slot: (uid: Int32, anchor: Hotkey)?) {
        self.hotkey = hotkey
        self.reveals = reveals
        self.slot = slot
    }

    /// The block of the commitment that counts.
    package var block: Int64 { reveals.last?.block ?? 0 }

    /// What was committed; fields beyond these two are ignored.
    struct Commitment: Decodable {
        var model: String?
        var revision: String?
    }

    /// Nil when it is not a JSON object.
    var commitment: Commitment? {
        guard let payload = reveals.last?.payload,
            case .object(let members)? = JSONValue(json: payload.utf8)
        else { return nil }
        return Commitment(model: members["model"]?.stringValue, revision: members["revision"]?.stringValue)
    }

    /// What was committed, if it names a model at a revision.
    package var model: ModelReference? {
        guard let model = commitment?.model, let revision = commitment?.revision else { return nil }
        return try? ModelReference(repository: model, revision: revision)
    }
}

/// What one check finds.
package enum AdmissionFinding: Hashable, Sendable {
    case pass
    /// As long as configuration and chain are as they are; a new commitment is looked at anew.
    case refused(String, evidence: String = "")
    /// For good: it follows from final blocks alone.
    case refusedForGood(String, evidence: String = "")
    /// For good once it was seen twice, far enough apart: somebody else's server says so.
    case refusedIfConfirmed(String, evidence: String)
    /// It could not be looked at: nothing follows from that.
    case unknown(String, evidence: String)

    /// With no more of a stranger's words than may be kept. Reasons are public.
    package var storable: AdmissionFinding {
        let (reason, evidence) = (words.reason.storable(300), words.evidence.storable(1_000))
        return switch self {
        case .pass: .pass
        case .refused: .refused(reason, evidence: evidence)
        case .refusedForGood: .refusedForGood(reason, evidence: evidence)
        case .refusedIfConfirmed: .refusedIfConfirmed(reason, evidence: evidence)
        case .unknown: .unknown(reason, evidence: evidence)
        }
    }

    /// Empty for one that passes.
    var words: (reason: String, evidence: String) {
        switch self {
        case .pass: ("", "")
        case .refused(let reason, let evidence), .refusedForGood(let reason, let evidence),
            .refusedIfConfirmed(let reason, let evidence), .unknown(let reason, let evidence):
            (reason, evidence)
        }
    }
}
