import Coordinator
import Domain
import Testing

@Suite("Checks of what the chain shows") struct ChainCheckTests {
    private static func miner() throws -> ChainMiner { try ChainMiner(7) }

    private static func application(
        payloads: [String]? = nil, block: Int64 = 9_000_000, uid: Int32 = 7, anchor: Hotkey? = nil
    ) throws -> Application {
        let miner = try miner()
        return Application(
            hotkey: miner.hotkey,
            reveals: (payloads ?? [miner.payload]).enumerated().map { index, payload in
                Reveal(hotkey: miner.hotkey, block: block + Int64(index), payload: payload)
            }, slot: (uid, anchor ?? miner.hotkey))
    }

    private static func reason(_ finding: AdmissionFinding) -> String {
        switch finding {
        case .pass: "pass"
        case .refused(let reason, _), .unknown(let reason, _), .refusedIfConfirmed(let reason, _): reason
        case .refusedForGood(let reason, _): "\(reason), for good"
        }
    }

    private static func first(_ application: Application, _ policy: AdmissionPolicy = AdmissionPolicy()) -> String {
        let findings = ChainChecks.all.map { $0.finding(on: application, under: policy) }
        return reason(findings.first { $0 != .pass } ?? .pass)
    }

    @Test("a commitment as it should be passes, whatever else it says")
    func pass() throws {
        #expect(try Self.first(Self.application()) == "pass")
    }

    @Test(
        "a payload that says nothing is refused, but not for good",
        arguments: [
            ("", "invalid_json_commit"), ("[1]", "invalid_json_commit"), ("\"x\"", "invalid_json_commit"),
            ("{}", "incomplete_commit:missing_fields"),
            (#"{"model": "", "revision": "x"}"#, "incomplete_commit:missing_fields"),
            (#"{"model": "a/affine"}"#, "incomplete_commit:missing_fields"),
            (#"{"model": 7, "revision": "x"}"#, "incomplete_commit:missing_fields"),
            (#"{"model": "a/affine", "revision": "main"}"#, "incomplete_commit:missing_fields"),
        ])
    func payload(payload: String, reason: String) throws {
        #expect(try Self.first(Self.application(payloads: [payload])) == reason)
    }

    @Test("thresholds are blocks: what was allowed before them still is")
    func thresholds() throws {
        let miner = try Self.miner()
        let twice = [miner.payload, miner.payload]
        #expect(
            try Self.first(Self.application(payloads: twice, block: 7_710_000 - 1))
                == "multiple_commits:count=2, for good")
        #expect(try Self.first(Self.application(payloads: twice, block: 7_710_000 - 2)) == "pass")
        let elsewhere = #"{"model": "owner/Affine-x", "revision": "\#(miner.revision)"}"#
        #expect(
            try Self.first(Self.application(payloads: [elsewhere], block: 7_290_000))
                == "repo_name_not_ending_with_hotkey:repo=Affine-x, for good")
        #expect(try Self.first(Self.application(payloads: [elsewhere], block: 7_289_999)) == "pass")
        let other = try ChainMiner(8).hotkey
        let swapped = try Self.application(anchor: other)
        #expect(
            Self.reason(HoldsItsRegistration().finding(on: swapped, under: AdmissionPolicy()))
                == "hotkey_swapped_no_registration:registrant=\(other.rawValue.prefix(10)), for good")
        #expect(
            try HoldsItsRegistration().finding(
                on: Self.application(block: 8_499_999, anchor: other), under: AdmissionPolicy()) == .pass)
    }

    @Test("names are compared whatever their case, and the first check that fails decides")
    func order() throws {
        let miner = try Self.miner()
        let loud =
            #"{"model": "owner/AFFINE-\#(miner.hotkey.rawValue.lowercased())", "revision": "\#(miner.revision)"}"#
        #expect(try Self.first(Self.application(payloads: [loud])) == "pass")
        let plain = #"{"model": "owner/model", "revision": "\#(miner.revision)"}"#
        #expect(try Self.first(Self.application(payloads: [plain])) == "model_name_missing_affine, for good")
        #expect(
            try Self.first(Self.application(payloads: [plain, plain])) == "multiple_commits:count=2, for good")
        var policy = AdmissionPolicy()
        policy.blacklist = [miner.hotkey]
        #expect(try Self.first(Self.application(payloads: [plain, plain]), policy) == "blacklisted")
        #expect(try Self.first(Self.application(uid: 0)) == "burn_uid")
        var unregistered = try Self.application()
        unregistered.slot = nil
        #expect(Self.first(unregistered) == "not_registered")
    }
}
