internal import Domain
public import Postgres
internal import Records

/// Looks at commitments whose turn it is, and lets their miners into the queue or refuses them by name of the check.
///
/// Nothing final follows from one look at somebody else's server, and nothing at all from one that failed.
public struct AdmissionService: Sendable {
    private let database: Database
    private let hub: any Hub
    private let policy: AdmissionPolicy
    private let audit: TemplateAudit?

    /// - Parameter audit: Of chat templates; nil lets them pass unread.
    public init(database: Database, hub: HubClient, policy: AdmissionPolicy, audit: TemplateAudit? = nil) {
        self.init(database: database, asking: hub, policy: policy, audit: audit)
    }

    package init(database: Database, asking hub: any Hub, policy: AdmissionPolicy, audit: TemplateAudit? = nil) {
        self.database = database
        self.hub = hub
        self.policy = policy
        self.audit = audit
    }

    /// Looks at what is due, in the order of commitments; returns how many that were.
    @discardableResult
    public func advance() async throws -> Int {
        let due = try await database.run(ClaimDue(hold: 120))
        var problem: (any Error)?
        for candidate in due.sorted(by: { ($0.block, $0.hotkey) < ($1.block, $1.hotkey) }) {
            // One that can't be decided keeps nobody else waiting.
            do { try await consider(candidate) } catch { problem = problem ?? error }
        }
        if let problem { throw problem }
        return due.count
    }

    private func consider(_ candidate: AdmissionCandidate) async throws {
        let application = try await application(of: candidate.hotkey)
        let (finding, modelHash) = await look(at: application, isAdmitted: candidate.isAdmitted)
        try await database.transaction(.serializable) { session in
            // A commitment that came meanwhile is looked at by itself: what was found is not about that one.
            guard try session.run(LockCommitment(hotkey: candidate.hotkey, block: candidate.block)).first != nil else {
                return
            }
            try store(finding.storable, on: application, modelHash, candidate, in: &session)
        }
    }

    private func application(of hotkey: Hotkey) async throws -> Application {
        let reveals = try await database.run(LoadReveals(hotkey: hotkey))
        let slot = try await database.run(FindSlot(hotkey: hotkey)).first
        return Application(hotkey: hotkey, reveals: reveals, slot: slot)
    }

    /// What the checks find, in their order, and the hash of the weights if the hub was asked and knew.
    private func look(
        at application: Application, isAdmitted: Bool
    ) async -> (finding: AdmissionFinding, modelHash: String?) {
        for check in ChainChecks.all {
            let finding = check.finding(on: application, under: policy)
            guard finding == .pass else { return (finding, nil) }
        }
        guard !isAdmitted, let model = application.model else { return (.pass, nil) }
        let answer = await hub.look(at: model)
        let finding = HubChecks.finding(on: answer, in: application, under: policy)
        guard finding == .pass, case .found(let found) = answer else { return (finding, nil) }
        if let objection = await audit?.finding(on: found.chatTemplates), objection != .pass { return (objection, nil) }
        return (HoldsItsRegistration().finding(on: application, under: policy), found.modelHash)
    }

    private func store(
        _ finding: AdmissionFinding, on application: Application, _ modelHash: String?,
        _ candidate: AdmissionCandidate, in session: inout Session
    ) throws {
        switch finding {
        case .pass where candidate.isAdmitted: try session.settle(candidate, .admitted, isFinal: true)
        case .pass: try admit(application, modelHash, candidate, in: &session)
        case .refused(let reason, let evidence):
            // Who is in the queue stays there: such reasons are for those who are not.
            guard !candidate.isAdmitted else { return try session.settle(candidate, .admitted, isFinal: true) }
            try session.settle(candidate, .refused, reason, evidence, after: 3_600)
        case .refusedForGood(let reason, let evidence):
            try refuse(application, candidate, reason, evidence, in: &session)
        case .refusedIfConfirmed(let reason, let evidence):
            try confirm(application, candidate, reason, evidence, in: &session)
        case .unknown(let reason, let evidence):
            let wait = policy.retrySeconds << min(6, Int64(candidate.observations))
            try session.settle(candidate, candidate.isAdmitted ? .admitted : .checking, reason, evidence, after: wait)
        }
    }
}

extension AdmissionService {
    /// Earlier commitments of the same weights win, also over miners that wait already.
    private func admit(
        _ application: Application, _ hash: String?, _ candidate: AdmissionCandidate, in session: inout Session
    ) throws {
        guard let model = application.model else { return }
        let twins = try hash.map { try session.run(FindTwins(modelHash: $0, hotkey: application.hotkey)) } ?? []
        if let first = twins.first(where: { ($0.block, $0.hotkey) < (application.block, application.hotkey) }) {
            return try confirm(
                application, candidate, "plagiarism:duplicate_of_uid=\(first.uid ?? -1)",
                "\(first.hotkey) committed the same weights (\(hash ?? "")) in block \(first.block)", in: &session)
        }
        try MinerIntake.admit(
            hotkey: application.hotkey, model: model, block: application.block, uid: application.slot?.uid,
            modelHash: hash, actor: "admission", in: &session)
        try session.settle(candidate, .admitted, isFinal: true)
        for twin in twins where twin.isPending {
            let reason = "plagiarism:duplicate_of_uid=\(application.slot?.uid ?? -1)"
            try session.invalidate(
                twin.hotkey, reason, "\(application.hotkey) committed the same weights in block \(application.block)")
        }
    }

    /// Final if the same was seen before, long enough ago.
    private func confirm(
        _ application: Application, _ candidate: AdmissionCandidate, _ reason: String, _ evidence: String,
        in session: inout Session
    ) throws {
        let wasSeen = candidate.reason == reason && candidate.observations >= 1
        if wasSeen, candidate.secondsSince >= Double(policy.confirmSeconds) {
            return try refuse(application, candidate, reason, evidence, in: &session)
        }
        let rest = wasSeen ? Double(policy.confirmSeconds) - candidate.secondsSince : Double(policy.confirmSeconds)
        try session.settle(candidate, .checking, reason, evidence, after: Int64(rest.rounded(.up)))
    }

    private func refuse(
        _ application: Application, _ candidate: AdmissionCandidate, _ reason: String, _ evidence: String,
        in session: inout Session
    ) throws {
        if candidate.isAdmitted {
            // Whoever has met the champion, or is it, keeps what a contest decided.
            try session.invalidate(application.hotkey, reason, evidence)
            return try session.settle(candidate, .admitted, reason, evidence, isFinal: true)
        }
        if let model = application.model {
            try MinerIntake.admit(
                hotkey: application.hotkey, model: model, block: application.block, uid: application.slot?.uid,
                modelHash: nil, actor: "admission", in: &session)
            try session.invalidate(application.hotkey, reason, evidence)
        }
        try session.settle(candidate, .refused, reason, evidence, isFinal: true)
    }
}
