import Coordinator
import Foundation
import TestSupport
import Testing

/// How far two clocks are apart is told with how sure that is.
@Suite struct ClockOffsetTests {
    @Test(
        "half of the round trip is uncertain, and only what is certain is wrong",
        arguments: [(101.0, 0.0, false), (103.5, 2.5, true), (102.5, 1.5, false), (98.5, -2.5, true)])
    func estimate(database: Double, seconds: Double, isWrong: Bool) {
        let offset = ClockOffset(asked: 100, roundTrip: .seconds(2), database: database)
        #expect(offset.seconds == seconds && offset.uncertainty == 1 && offset.isWrong == isWrong)
    }

    @Test("a clock that is ten seconds fast is found out by asking the database", .migratedDatabase)
    func measured() async throws {
        let offset = try await FreshDatabase.current.database.clockOffset { Date().timeIntervalSince1970 + 10 }
        #expect(abs(offset.seconds + 10) <= offset.uncertainty + 0.01)
        #expect(offset.isWrong)
    }
}
