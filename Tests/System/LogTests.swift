import Domain
import Foundation
import TestSupport
import Testing

@Suite("The log", .timeLimit(.minutes(5))) struct LogTests {
    @Test("with --log-format json each line is an object with its time, level and message, and ids under their names")
    func json() async throws {
        let log = try await RunningArena.with(["--log-format", "json"]) { arena in
            try await arena.admit(["owner/a"])
            try await eventually("the champion is crowned") {
                try await arena.run(["rank"]).json()["champion"]?["model"] != nil
            }
        }
        let lines = try log.split(separator: "\n").map { try #require(JSONValue(json: Array($0.utf8)), "\($0)") }
        for line in lines {
            let time = try #require(line["time"]?.stringValue)
            #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
            #expect(["notice", "warning", "error"].contains(line["level"]?.stringValue))
            #expect(line["message"]?.stringValue?.isEmpty == false)
        }
        let crowned = lines.filter { $0["miner.hotkey"] == .string(RunningArena.hotkeys[0]) }
        #expect(crowned.map { $0["message"] } == [.string("arena moved")])
    }
}
