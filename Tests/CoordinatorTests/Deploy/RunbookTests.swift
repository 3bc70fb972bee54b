import Coordinator
import CoordinatorAPI
import CoordinatorDashboard
import Domain
import Foundation
import Hummingbird
import Postgres
import TestSupport
import Testing

@Suite("Alerts and their runbooks") struct RunbookTests {
    /// The values under a key of the alerts' file, in order.
    private static func values(of key: String) throws -> [String] {
        try DeployFiles.text("deploy/prometheus/alerts.yml").split(separator: "\n").compactMap { line in
            let words = line.drop { $0 == " " || $0 == "-" }
            return words.hasPrefix("\(key): ") ? String(words.dropFirst(key.count + 2)) : nil
        }
    }

    @Test("every alert has a runbook, and every runbook an alert")
    func runbooks() throws {
        let alerts = try Self.values(of: "alert")
        #expect(try Self.values(of: "runbook_url") == alerts.map { "docs/runbooks/\($0).md" })
        #expect(try DeployFiles.files(in: "docs/runbooks", ending: ".md") == alerts.map { "\($0).md" }.sorted())
        for alert in alerts {
            let text = try DeployFiles.text("docs/runbooks/\(alert).md")
            #expect(text.hasPrefix("# \(alert)\n"), "\(alert)")
            for part in ["**It means**", "**Look at**", "**Do**"] { #expect(text.contains(part), "\(alert): \(part)") }
        }
    }

    @Test("every alert has a story for promtool in which it fires, and is quiet in the one where all is well")
    func stories() throws {
        let stories = try DeployFiles.text("deploy/prometheus/alerts_test.yml")
        for alert in try Self.values(of: "alert") {
            #expect(stories.contains("  - name: \(alert)\n"), "\(alert)")
            #expect(stories.contains("{eval_time: 19h, alertname: \(alert), exp_alerts: []}"), "\(alert)")
        }
    }
}

/// What the runbooks have people ask the database.
@Suite(.migratedDatabase) struct RunbookQueryTests {
    @Test("every query of a runbook runs with a dashboard's rights")
    func queries() async throws {
        let pool = try Stage.pool(as: "affine_dashboard")
        var count = 0
        for file in try DeployFiles.files(in: "docs/runbooks", ending: ".md") {
            for match in try DeployFiles.text("docs/runbooks/\(file)").matches(of: /`(SELECT [^`]+)`/) {
                count += 1
                // E stands for an evaluation's number.
                let sql = match.1.replacing("evaluation = E", with: "evaluation = 1")
                await #expect(throws: Never.self, "\(file): \(sql)") { try await pool.execute(String(sql)) }
            }
        }
        await pool.close()
        #expect(count > 5)
    }

    @Test("what workers are scaled by is a number that a dashboard's login can ask for")
    func scaling() async throws {
        try await Stage.with { stage in
            let file = try DeployFiles.text("deploy/kubernetes/worker-targon.yaml")
            let query = try #require(file.firstMatch(of: /query: (SELECT .+)/)).1
            let pool = try Stage.pool(as: "affine_dashboard")
            try await #expect(pool.value(String(query)) == "0")
            try await stage.prepare("a")
            try await stage.arena.advance()
            try await #expect(Int(pool.value(String(query))).map { $0 > 0 } == true)
            await pool.close()
        }
    }

    @Test("metrics can be served alone, without the pages that show what is sealed")
    func metricsAlone() async throws {
        try await Stage.with { stage in
            let router = Router(context: ClientContext.self)
            Dashboard.addMetrics(of: stage.coordinator, to: router)
            try await Served.with(router) { url, http in
                let metrics = try await Reply.get("\(url)/metrics", http)
                #expect(
                    metrics.status == 200
                        && String(decoding: metrics.bytes, as: UTF8.self).contains("affine_ready_jobs 0"))
                for path in ["/", "/queue", "/contests", "/workers"] {
                    #expect(try await Reply.get(url + path, http).status == 404, "\(path)")
                }
            }
        }
    }
}
