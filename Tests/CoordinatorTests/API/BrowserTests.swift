import Coordinator
import CoordinatorAPI
import CoordinatorDashboard
import Domain
import Foundation
import Hummingbird
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// The dashboard in Chromium: `browser.py`.
@Suite("The dashboard in a browser", .migratedDatabase, .timeLimit(.minutes(10))) struct BrowserTests {
    private static let pages = [
        "/", "/queue", "/contests", "/contests/2", "/miners", "/copies", "/reigns", "/windows", "/workers", "/errors",
        "/costs", "/rule",
    ]

    @Test(
        "no rule of axe is broken, nothing is asked of others, nothing is an error, and what happens comes up by itself"
    )
    func looked() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abcd")
            try await stage.play(miners[..<3].map(\.self)) { job in
                job.lease.attempt == 1 && job.task % 2 == 0
                    ? .infraFault : .scored(job.miner == "b" ? 700 : job.miner == "a" ? 500 : 100)
            }
            let router = Router(context: ClientContext.self)
            try Dashboard(database: stage.coordinator).addRoutes(to: router)
            try await Served.with(router) { url, _ in try await Self.look(at: url, stage) }
        }
    }

    private static func look(at url: String, _ stage: Stage) async throws {
        let here = URL(filePath: #filePath).deletingLastPathComponent()
        let python = here.appending(path: "../../../.build/browser/bin/python").standardized.path
        let ended = try await Subprocess.run(
            .path(FilePath(python)), arguments: Arguments([here.appending(path: "browser.py").path, url] + pages),
            input: .inputWriter, output: .sequence, error: .string(limit: 1 << 20)
        ) { browser in
            var lines = browser.standardOutput.strings().makeAsyncIterator()
            let report = try #require(try await lines.next())
            #expect(report == #"{"looks": \#(pages.count * 5), "problems": []}"#)
            _ = try await browser.standardInputWriter.write("models/e\n")
            try await stage.admit("e", from: 500)
            #expect(try await lines.next() == "seen")
            try await browser.standardInputWriter.finish()
        }
        #expect(ended.terminationStatus == .exited(0), "\(ended.standardError)")
    }
}
