import Coordinator
import Digest
import Domain
import Rules
import TestSupport

/// A miner of a recorded chain: its hotkey, and a repository that is named as the subnet wants it.
struct ChainMiner: Hashable, Sendable {
    let hotkey: Hotkey
    let uid: Int32

    /// - Parameter number: 1 to 9,999; hotkeys are numbers in letters of base 58.
    init(_ number: Int) throws {
        let digits = String(number)
        let padded = String(repeating: "0", count: 47 - digits.count) + digits
        let letters = Array("ABCDEFGHJK")
        hotkey = try Hotkey("5" + String(padded.compactMap { $0.wholeNumberValue }.map { letters[$0] }))
        uid = Int32(number)
    }

    var repository: String { "owner/affine-\(hotkey)" }
    var revision: String { String(SHA256Digest(of: hotkey.rawValue).hex.prefix(40)) }
    var payload: String { #"{"model": "\#(repository)", "revision": "\#(revision)", "extra": 1}"# }
    var neuron: Neuron { Neuron(uid: uid, hotkey: hotkey, registeredBlock: 1) }
}

extension AdmissionPolicy {
    /// The real thresholds, and no wait between the two looks.
    static var test: AdmissionPolicy {
        var policy = AdmissionPolicy()
        policy.confirmSeconds = 0
        return policy
    }
}

extension Stage {
    /// Shows the chain at a block, as the bridge would.
    func see(_ number: Int64, _ neurons: [Neuron], _ reveals: [Reveal]) async throws {
        try await ChainIntake(database: coordinator).apply(
            ChainView(head: Self.block(number), neurons: neurons, reveals: reveals))
    }

    /// Looks at everything that is due, again and again until nothing is.
    func admitAll(
        _ hub: HubStandIn, policy: AdmissionPolicy = .test, audit: TemplateAudit? = nil
    ) async throws {
        let service = AdmissionService(database: coordinator, hub: hub.client, policy: policy, audit: audit)
        while try await service.advance() > 0 {}
    }

    /// State and reason of every hotkey that committed, by uid.
    func admissions() async throws -> [String] {
        try await owner.column(
            "SELECT concat_ws(' ', uid, state, CASE WHEN is_final THEN 'final' END, NULLIF(reason, '')) FROM ops.admission ORDER BY block, hotkey"
        )
    }

    func miners() async throws -> [String] {
        try await owner.column(
            "SELECT concat_ws(' ', uid, state, NULLIF(state_reason, '')) FROM affine.miner ORDER BY first_block, hotkey"
        )
    }
}
