internal import Coordinator
internal import Domain
internal import Records
internal import Statistics

extension Dashboard {
    /// A page that is one table.
    struct List: Sendable {
        let path: String
        let name: String
        /// After how many seconds it is looked at again.
        let refresh: Int
        let make: @Sendable () async throws -> [String: Any]
    }

    /// In the order of the pages' names at the top of each.
    var lists: [List] {
        [
            List(path: "queue", name: "Queue", refresh: 60, make: queue),
            List(path: "contests", name: "Contests", refresh: 60, make: contests),
            List(path: "miners", name: "Miners", refresh: 60, make: miners),
            List(path: "copies", name: "Copies", refresh: 60, make: copies),
            List(path: "reigns", name: "Reigns", refresh: 60, make: reigns),
            List(path: "windows", name: "Windows", refresh: 60, make: windows),
            List(path: "workers", name: "Workers", refresh: 30, make: workers),
            List(path: "errors", name: "Errors", refresh: 30, make: errors),
            List(path: "costs", name: "Costs", refresh: 60, make: costs),
        ]
    }

    /// Rows of a page beyond these are left out, which it says.
    private static let mostRows = 500

    @Sendable private func queue() async throws -> [String: Any] {
        let waiting = try await Reports(database: database).rank().first?["queue"]?.arrayValue ?? []
        var table = Self.table(
            ["Place", "Model", "Hotkey", "uid", "Committed in block", "Expected at", "Evaluated ahead"],
            waiting.map { row in
                let ahead = row["evaluated_ahead"]?.doubleValue.map { Cell(text: "\(Int($0 * 100)) %") }
                return ["position", "model", "hotkey", "uid", "first_block", "expected_at"].map { Cell(row[$0]) }
                    + [ahead ?? Cell(nil)]
            }, empty: "Nobody waits.")
        table["note"] = try await odds()?.gainWords
        return table
    }

    @Sendable private func contests() async throws -> [String: Any] {
        let rows = try await Reports(database: database).contests().reversed()
        return Self.table(
            ["Contest", "Challenger", "Champion", "State", "Verdict", "Opened", "Decided"],
            rows.map { row in
                let number = Cell(row["contest"])
                return [Cell(text: number.text, link: "/contests/\(number.text)")]
                    + ["challenger", "champion", "state", "verdict", "opened_at", "decided_at"].map { Cell(row[$0]) }
            }, empty: "No contest was held yet.")
    }

    @Sendable private func workers() async throws -> [String: Any] {
        let reports = Reports(database: database)
        let strange = Set(try await reports.outlyingWorkers().map(\.worker))
        var table = Self.table(
            ["Worker", "Lane", "State", "Jobs in work", "Idle because", "Silent for", "Residuals"],
            try await reports.workers().map { row in
                let id = row["id"]?.stringValue ?? ""
                return [
                    Cell(row["name"]), Cell(row["lane"]), Cell(row["state"]), Cell(row["leased_jobs"]),
                    Cell(row["idle_because"]),
                    Cell(text: "\(Int(row["silent_seconds"]?.doubleValue ?? 0)) s"),
                    Cell(text: strange.contains(id) ? "stands out: see af doctor" : "like others"),
                ]
            }, empty: "No worker has registered yet.")
        table["note"] = strange.isEmpty ? "" : "A worker's results differ from those of others on the same models."
        return table
    }

    @Sendable private func miners() async throws -> [String: Any] {
        Self.table(
            ["Hotkey", "uid", "Model", "State", "Why", "First block", "Void contests"],
            try await Reports(database: database).miners().map { row in
                ["hotkey", "uid", "model", "state", "state_reason", "first_block", "void_contests"].map {
                    Cell(row[$0])
                }
            }, empty: "No miner has committed a model yet.")
    }

    @Sendable private func copies() async throws -> [String: Any] {
        Self.table(
            ["Check", "Model", "Hotkey", "Champion's model", "State", "Decisions", "Median gap", "Same token", "Why"],
            try await Reports(database: database).copyChecks().map { row in
                let keys = ["copy_check", "model", "hotkey", "champion_model", "state", "positions"]
                let agreement = row["agreement"]?.doubleValue.map { Cell(text: "\(Int($0 * 100)) %") }
                let gap = row["median_gap"]?.doubleValue.map { Cell(text: "\(($0 * 1_000).rounded() / 1_000)") }
                return keys.map { Cell(row[$0]) } + [gap ?? Cell(nil), agreement ?? Cell(nil), Cell(row["reason"])]
            }, empty: "No model was held against a champion's: see --copy-check.")
    }

    @Sendable private func reigns() async throws -> [String: Any] {
        Self.table(
            ["Reign", "Model", "Hotkey", "From block", "To block", "Blocks"],
            try await Reports(database: database).reigns().map { row in
                let number = Cell(row["number"])
                // A champion that nobody had to be beaten for has no contest.
                let link = row["contest"]?.integerValue.map { "/contests/\($0)" }
                return [Cell(text: number.text, link: link)]
                    + ["model", "hotkey", "from_block", "to_block", "blocks"].map { Cell(row[$0]) }
            }, empty: "Nobody has held the throne yet.")
    }

    @Sendable private func windows() async throws -> [String: Any] {
        Self.table(
            ["Window", "State", "Opened in block", "Opened", "Closed", "Archived", "Contests"],
            try await Reports(database: database).windows().reversed().map { row in
                ["window", "state", "opened_block", "opened_at", "closed_at", "archived_at", "contests"].map {
                    Cell(row[$0])
                }
            }, empty: "No window was opened yet.")
    }

    @Sendable private func errors() async throws -> [String: Any] {
        var table = Self.table(
            [
                "Outcome", "Error", "Environment", "Tries", "Jobs it ended", "Tasks", "Workers", "Points to",
                "In the last hour", "Last seen",
            ],
            try await Reports(database: database).errors().map { row in
                [
                    "outcome", "error_code", "environment", "tries", "jobs", "tasks", "workers", "points_to",
                    "last_hour",
                    "last_seen",
                ].map { Cell(row[$0]) }
            }, empty: "Nothing has failed in this window.")
        table["note"] = "Of the newest window. A try that failed is made again until a job's tries are used up."
        return table
    }

    @Sendable private func costs() async throws -> [String: Any] {
        let reports = Reports(database: database)
        var table = Self.table(
            [
                "Contest", "Side", "Model", "Scored jobs", "Tokens read", "Tokens written", "Worker hours", "Money",
                "Jobs saved", "Money saved",
            ],
            try await reports.costs().map { row in
                let number = row["contest"]?.integerValue
                return [number.map { Cell(text: "\($0)", link: "/contests/\($0)") } ?? Cell(nil)]
                    + [
                        "side", "model", "scored", "prompt_tokens", "completion_tokens", "worker_hours", "money",
                        "jobs_saved", "money_saved",
                    ].map { Cell(row[$0]) }
            }, empty: "No attempt has ended in this window.")
        let workers = try await reports.workerCosts()
        let (all, used) = (Self.sum("hours", of: workers), Self.sum("used_hours", of: workers))
        table["note"] =
            "Of the newest window. Its \(workers.count) workers were there for \(all) hours, of which these jobs took \(used)"
            + (workers.contains { $0["money"]?.doubleValue != nil }
                ? "; they cost \(Self.sum("money", of: workers))." : ". None of them has a price: see --hourly-price.")
        return table
    }

    /// To four digits.
    private static func sum(_ key: String, of rows: [JSONValue]) -> Double {
        (rows.reduce(0) { $0 + ($1[key]?.doubleValue ?? 0) } * 10_000).rounded() / 10_000
    }

    /// Nil where nothing is known of them: before the champion has scores, and for rules other than the strict one.
    func odds() async throws -> RuleOdds? {
        do { return try await WindowHistory(database: database).odds(in: nil) } catch is InvalidValue { return nil }
    }

    static func table(_ columns: [String], _ rows: [[Cell]], empty: String) -> [String: Any] {
        var table: [String: Any] = [
            "columns": columns, "isEmpty": rows.isEmpty, "empty": empty,
            "rows": rows.prefix(mostRows).map { ["cells": $0.map(\.context)] as [String: Any] },
        ]
        if rows.count > mostRows { table["more"] = "The first \(mostRows) of \(rows.count) are shown." }
        return table
    }
}

/// One cell of a table, perhaps leading somewhere.
struct Cell {
    var text: String
    var link: String?

    init(text: String, link: String? = nil) {
        self.text = text
        self.link = link
    }

    init(_ value: JSONValue?) {
        switch value {
        case .string(let value): text = value
        case .integer(let value): text = "\(value)"
        case .number(let value): text = "\(value)"
        case .bool(let value): text = value ? "yes" : "no"
        case nil, .null, .array, .object: text = "–"
        }
    }

    var context: [String: Any] { link.map { ["text": text, "link": $0] } ?? ["text": text] }
}
