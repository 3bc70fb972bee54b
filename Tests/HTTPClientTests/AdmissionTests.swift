import HTTPClient
import Testing

@Suite struct AdmissionTests {
    @Test func anOriginHasItsBoundAndOthersDoNotWaitForIt() {
        var admission = Admission(perOrigin: 2, total: 10)
        for id in 1...4 { admission.enter(UInt64(id), origin: "a") }
        admission.enter(5, origin: "b")
        #expect(admitted(&admission) == [1, 2, 5])
        admission.leave(1)
        #expect(admitted(&admission) == [3])
    }

    @Test func theOldestGoesFirstWhenAllOriginsShareTheTotal() {
        var admission = Admission(perOrigin: 5, total: 2)
        for (id, origin) in [(1, "b"), (2, "a"), (3, "c"), (4, "a"), (5, "b")] {
            admission.enter(UInt64(id), origin: origin)
        }
        #expect(admitted(&admission) == [1, 2])
        admission.leave(2)
        admission.leave(1)
        #expect(admitted(&admission) == [3, 4])
    }

    @Test func leavingTheQueueFreesNoPlaceAndLeavingTwiceIsHarmless() {
        var admission = Admission(perOrigin: 1, total: 1)
        for id in 1...3 { admission.enter(UInt64(id), origin: "a") }
        #expect(admitted(&admission) == [1])
        admission.leave(2)
        #expect(admitted(&admission) == [])
        admission.leave(1)
        admission.leave(1)
        #expect(admitted(&admission) == [3])
        admission.enter(4, origin: "a")
        #expect(admitted(&admission) == [])
    }

    private func admitted(_ admission: inout Admission) -> [UInt64] {
        var ids: [UInt64] = []
        while let id = admission.next() { ids.append(id) }
        return ids
    }
}
