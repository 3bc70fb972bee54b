import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@Suite("Grafana's dashboards", .migratedDatabase) struct GrafanaTests {
    /// One query of a panel or of a variable, as it stands in the file.
    private struct Query: Sendable {
        let place: String
        let format: String
        let sql: String
    }

    private static let folder = "deploy/grafana/dashboards"

    private static func dashboard(_ file: String) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: Data(DeployFiles.text("\(folder)/\(file)").utf8))
    }

    private static func panels(_ value: JSONValue) -> [JSONValue] {
        (value["panels"]?.arrayValue ?? []).flatMap { [$0] + panels($0) }
    }

    private static func queries(_ file: String) throws -> [Query] {
        let board = try dashboard(file)
        let title = try #require(board["title"]?.stringValue)
        let shown = panels(board).flatMap { panel in
            (panel["targets"]?.arrayValue ?? []).map { target in
                Query(
                    place: "\(title): \(panel["title"]?.stringValue ?? "?")",
                    format: target["format"]?.stringValue ?? "", sql: target["rawSql"]?.stringValue ?? "")
            }
        }
        let variables = (board["templating"]?["list"]?.arrayValue ?? []).map { variable in
            Query(
                place: "\(title): $\(variable["name"]?.stringValue ?? "?")", format: "table",
                sql: variable["query"]?.stringValue ?? "")
        }
        return shown + variables
    }

    /// What Grafana makes of a query before it sends it: one macro, one variable.
    private static func sent(_ sql: String) -> String {
        sql.replacing(/\$__timeFilter\(([a-z_]+)\)/) { "\($0.1) BETWEEN now() - interval '6 hours' AND now()" }
            .replacing(/\$window\b/, with: "1")
    }

    @Test("every panel's query runs with a dashboard's rights, before anything happened and after a contest")
    func panels() async throws {
        try await Stage.with { stage in
            let pool = try Stage.pool(as: "affine_dashboard")
            let queries = try DeployFiles.files(in: Self.folder, ending: ".json").flatMap { try Self.queries($0) }
            #expect(queries.count > 25)
            for moment in ["empty", "played"] {
                if moment == "played" {
                    let miners = try await stage.prepare("abc")
                    try await stage.play(Array(miners.prefix(2))) { $0.miner == "a" ? .scored(500) : .modelFault }
                }
                for query in queries {
                    let sql = Self.sent(query.sql)
                    #expect(!sql.contains("$"), "\(query.place) uses a macro that no test knows")
                    // A series of time without its column is an error that only Grafana would tell.
                    let whole = query.format == "time_series" ? "SELECT time FROM (\(sql)) AS series" : sql
                    await #expect(throws: Never.self, "\(query.place), \(moment)") {
                        try await pool.execute(whole)
                    }
                }
            }
            await pool.close()
        }
    }

    @Test("panels that show what a contest does have rows while one runs")
    func rows() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let crew = try await stage.crew([miners[1]])
            _ = try await crew.work(runs: 4) { _ in .modelFault }
            let queries = try Self.queries("affine-now.json") + Self.queries("affine-work.json")
            for title in [
                "Contest board", "Miners who wait", "Reigns", "Timeline", "Errors", "Workers", "Jobs ready or leased",
                "Both sides of the newest contest", "Jobs that ended, per minute",
            ] {
                let query = try #require(queries.first { $0.place.hasSuffix(": \(title)") }, "no panel \(title)")
                let count = try await stage.owner.value("SELECT count(*) FROM (\(Self.sent(query.sql))) AS shown")
                #expect(count != "0", "\(title)")
            }
        }
    }

    @Test("every panel reads the source that is provisioned, from views of ops, and has its own id and place")
    func sources() throws {
        let provisioned = try DeployFiles.text("deploy/grafana/provisioning/datasources/affine.yaml")
        var identities: [String] = []
        for file in try DeployFiles.files(in: Self.folder, ending: ".json") {
            let board = try Self.dashboard(file)
            let panels = Self.panels(board)
            #expect(board["uid"]?.stringValue.map { "\($0).json" } == file)
            #expect(
                Set(panels.map { $0["id"] }).count == panels.count
                    && Set(panels.map { $0["gridPos"] }).count == panels.count)
            identities.append(contentsOf: [board["uid"]?.stringValue].compactMap(\.self))
            for panel in panels {
                let uid = try #require(panel["datasource"]?["uid"]?.stringValue)
                #expect(provisioned.contains("uid: \(uid)\n"), "\(file): \(panel["title"]?.stringValue ?? "?")")
            }
            for query in try Self.queries(file) {
                let read = query.sql.matches(of: /(?:FROM|JOIN) ([a-z_]+\.?[a-z_]*)/).map { String($0.1) }
                    .filter { $0 != "clock_timestamp" && $0 != "pace" && $0 != "deadline_at" }
                #expect(!read.isEmpty && read.allSatisfy { $0.hasPrefix("ops.") }, "\(query.place): \(read)")
            }
        }
        #expect(Set(identities).count == identities.count)
    }
}
