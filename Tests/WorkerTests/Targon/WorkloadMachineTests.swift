import Testing
import Worker

@Suite struct WorkloadMachineTests {
    private static let lag = Duration.seconds(15)
    private var machine = WorkloadMachine(loadTimeout: .seconds(600), lag: Self.lag)

    private func workload(_ id: String, _ status: String, created: String = "1") -> Workload {
        Workload(id: id, name: "n", status: status, message: "words", createdAt: created)
    }

    @Test("a workload is created where there is none, and once more only when no list has shown it for a while")
    func creates() {
        var machine = machine
        #expect(machine.next([], at: .zero) == .create)
        #expect(machine.next([], at: .seconds(14)) == .wait)
        #expect(machine.next([], at: Self.lag) == .create)
    }

    @Test("what this worker created is deployed at once, what another one created only when that one did not")
    func deploys() {
        let made = workload("a", "registered")
        var machine = machine
        machine.noteCreated(made)
        #expect(machine.next([made], at: .zero) == .deploy(made))
        #expect(machine.next([made], at: .seconds(1)) == .wait)
        #expect(machine.next([made], at: Self.lag) == .deploy(made))
        machine = self.machine
        #expect(machine.next([made], at: .zero) == .wait)
        #expect(machine.next([made], at: Self.lag) == .deploy(made))
    }

    @Test("of several the oldest that can serve is used and the others go, in whichever order they are listed")
    func several() {
        let (old, young) = (workload("b", "provisioning", created: "1"), workload("a", "running", created: "2"))
        let dead = workload("c", "error", created: "0")
        for list in [[old, young, dead], [dead, young, old], [young, dead, old]] {
            var machine = machine
            #expect(machine.next(list, at: .zero) == .remove([young, dead]))
            #expect(machine.next([old], at: .zero) == .wait)
        }
    }

    @Test("a running workload is asked for its model until it serves, and again once it does not run any more")
    func serves() {
        var machine = machine
        let running = workload("a", "RUNNING")
        #expect(machine.next([workload("a", "provisioning")], at: .zero) == .wait)
        #expect(machine.next([running], at: .seconds(1)) == .probe(running))
        machine.noteServed()
        #expect(machine.next([running], at: .seconds(9_000)) == .wait && machine.isServed)
        #expect(machine.next([workload("a", "rebuilding")], at: .seconds(9_100)) == .wait && !machine.isServed)
        #expect(machine.next([running], at: .seconds(9_699)) == .probe(running))
    }

    @Test(
        "a failure counts against the model only once its container was started",
        arguments: [
            (["provisioning", "deploying", "error"], true), (["running", "failed"], true),
            (["registered", "provisioning", "failed"], false), (["error"], false), (["deploying", "suspended"], false),
        ])
    func fails(statuses: [String], counts: Bool) {
        var machine = machine
        machine.noteCreated(workload("a", "registered"))
        var step = WorkloadMachine.Step.wait
        for status in statuses { step = machine.next([workload("a", status)], at: .zero) }
        let last = workload("a", statuses.last ?? "")
        let why =
            last.stage == .stopped ? "the workload was \(last.status): words" : "the workload is \(last.status): words"
        #expect(step == (counts ? .fail(last, why) : .giveBack(last, why)))
    }

    @Test(
        "a failure whose beginning this worker has not seen is left for a while to the worker that created the workload"
    )
    func othersFailure() {
        let failed = workload("a", "error")
        var machine = machine
        #expect(machine.next([failed], at: .zero) == .wait)
        #expect(machine.next([], at: .seconds(1)) == .giveBack(nil, "the workload is gone"))
        machine = self.machine
        #expect(machine.next([failed], at: .zero) == .wait)
        #expect(machine.next([failed], at: Self.lag) == .giveBack(failed, "the workload is error: words"))
    }

    @Test(
        "what is not served in time goes: as the model's failure where its container was started, else as nobody's",
        arguments: [("deploying", true), ("running", true), ("provisioning", false), ("registered", false)])
    func overdue(status: String, counts: Bool) {
        var machine = machine
        let workload = workload("a", status)
        _ = machine.next([workload], at: .seconds(100))
        let step = machine.next([workload], at: .seconds(700))
        if case .fail(workload, let why) = step {
            #expect(counts && why.contains("600.0 seconds"))
        } else {
            #expect(!counts && step == .giveBack(workload, "the workload was still \(status) after 600.0 seconds"))
        }
    }

    @Test("a workload that somebody deleted is not made again before the choice was made again")
    func gone() {
        var machine = machine
        _ = machine.next([workload("a", "provisioning")], at: .zero)
        #expect(machine.next([workload("a", "deleting")], at: .zero) == .giveBack(nil, "the workload is gone"))
    }
}
