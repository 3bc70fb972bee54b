internal import Coordinator
internal import CoordinatorAPI
internal import Digest
internal import Domain
internal import HTTPTypes
public import Hummingbird
internal import Mustache
public import Postgres
internal import Rules
internal import Statistics

/// What operators look at: pages made by the server, whole without a script, and kept up to date by a small one. They show
/// what is sealed from everybody else.
public struct Dashboard: Sendable {
    private let database: Database
    private let feed: EventFeed
    private let templates: MustacheLibrary

    /// - Throws: When a template is none, which a test would have found.
    public init(database: Database) throws {
        self.database = database
        feed = EventFeed(database: database)
        let texts: [(name: String, bytes: [UInt8])] = [
            ("page", PackageResources.page_mustache), ("now", PackageResources.now_mustache),
            ("board", PackageResources.board_mustache), ("table", PackageResources.table_mustache),
            ("contest", PackageResources.contest_mustache), ("task", PackageResources.task_mustache),
        ]
        var templates: [String: MustacheTemplate] = [:]
        for (name, bytes) in texts {
            templates[name] = try MustacheTemplate(string: String(decoding: bytes, as: UTF8.self))
        }
        self.templates = MustacheLibrary(templates: templates)
    }

    /// Puts `/metrics` there and nothing else: counts and ages, of which nothing is sealed.
    public static func addMetrics(of database: Database, to router: Router<some RequestContext>) {
        router.get("metrics") { _, _ in try await Metrics(database: database).response() }
    }

    /// Puts the pages at the router's root, and `/metrics` beside them.
    public func addRoutes(to router: Router<some RequestContext>) {
        Self.addMetrics(of: database, to: router)
        router.get("style.css") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/css; charset=utf-8", .cacheControl: "max-age=3600"],
                body: .init(byteBuffer: .init(bytes: PackageResources.style_css)))
        }
        router.get("live.js") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/javascript; charset=utf-8", .cacheControl: "max-age=3600"],
                body: .init(byteBuffer: .init(bytes: PackageResources.live_js)))
        }
        // Browsers ask for it by themselves, and call a 404 an error.
        router.get("favicon.ico") { _, _ in Response(status: .noContent) }
        router.get("events") { request, _ in try await feed.response(to: request) }
        router.get("/") { _, _ in try page("Now", path: "/", "now", try await now(), refresh: 10) }
        router.get("queue") { _, _ in try page("Queue", path: "/queue", "table", try await queue(), refresh: 60) }
        router.get("contests") { _, _ in
            try page("Contests", path: "/contests", "table", try await contests(), refresh: 60)
        }
        router.get("contests/:contest") { _, context in
            guard let number = context.parameters.get("contest", as: Int64.self) else { throw HTTPError(.notFound) }
            let id = ContestID(rawValue: number)
            do {
                return try page("Contest \(id)", path: "/contests", "contest", try await contest(id), refresh: 30)
            } catch is HistoryError {
                throw HTTPError(.notFound, message: "there is no contest \(id)")
            }
        }
        router.get("contests/:contest/tasks/:environment/:task") { _, context in
            guard let number = context.parameters.get("contest", as: Int64.self),
                let environment = context.parameters.get("environment").flatMap(EnvironmentName.init(rawValue:)),
                let task = context.parameters.get("task", as: Int64.self)
            else { throw HTTPError(.notFound) }
            return try page(
                "Task \(task) of \(environment), contest \(number)", path: "/contests", "task",
                try await transcripts(ContestID(rawValue: number), environment, TaskID(rawValue: task)))
        }
        router.get("workers") { _, _ in try page("Workers", path: "/workers", "table", try await workers(), refresh: 30)
        }
        router.get("rule") { _, _ in try page("Rule", path: "/rule", "table", try await rule()) }
    }

    private static let pages = [
        ("/", "Now"), ("/queue", "Queue"), ("/contests", "Contests"), ("/workers", "Workers"), ("/rule", "Rule"),
    ]

    private func page(
        _ title: String, path: String, _ template: String, _ body: [String: Any], refresh: Int? = nil
    ) throws -> Response {
        var context: [String: Any] = [
            "title": title, "body": templates.render(body, withTemplate: template) ?? "",
            "pages": Self.pages.map { ["path": $0.0, "name": $0.1, "isCurrent": $0.0 == path] as [String: Any] },
        ]
        if let refresh { context["refresh"] = refresh }
        let html = templates.render(context, withTemplate: "page") ?? ""
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/html; charset=utf-8", .cacheControl: "no-store",
                .contentSecurityPolicy:
                    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'",
            ],
            body: .init(byteBuffer: .init(string: html)))
    }

    // MARK: Pages

    private func now() async throws -> [String: Any] {
        let reports = Reports(database: database)
        let rank = try await reports.rank().first ?? .null
        let health = try await reports.queueHealth().first ?? .null
        let waiting = rank["queue"]?.arrayValue ?? []
        let champion = rank["champion"]
        let running = rank["contest"]
        var body: [String: Any] = [
            "champion": champion?["model"]?.stringValue ?? "none yet",
            "championSince": champion?["from_block"]?.integerValue.map { "since block \($0)" } ?? "",
            "waiting": waiting.count,
            "nextNote": waiting.first?["model"]?.stringValue.map { "next: \($0)" } ?? "nobody waits",
            "workers": health["live_workers"]?.integerValue ?? 0,
            "jobsNote":
                "\(health["ready_jobs"]?.integerValue ?? 0) jobs ready, \(health["leased_jobs"]?.integerValue ?? 0) in work",
            "contestNote": "",
        ]
        guard let number = running?["contest"]?.integerValue else { return body }
        let rows = try await database.run(LoadBoard(contest: ContestID(rawValue: number)))
        let (decided, tasks) = (rows.map(\.decided).reduce(0, +), rows.map(\.tasks).reduce(0, +))
        body["contest"] = number
        body["contestNote"] = "\(decided) of \(tasks) tasks decided"
        body["board"] = [
            "rows": rows.map(\.context), "contest": number, "challenger": running?["challenger"]?.stringValue ?? "",
        ]
        return body
    }

    private func queue() async throws -> [String: Any] {
        let waiting = try await Reports(database: database).rank().first?["queue"]?.arrayValue ?? []
        return Self.table(
            ["Place", "Model", "Hotkey", "uid", "Committed in block", "Expected at"],
            waiting.map { row in
                ["position", "model", "hotkey", "uid", "first_block", "expected_at"].map { Cell(row[$0]) }
            }, empty: "Nobody waits.")
    }

    private func contests() async throws -> [String: Any] {
        let rows = try await Reports(database: database).contests().reversed()
        return Self.table(
            ["Contest", "Challenger", "Champion", "State", "Verdict", "Opened", "Decided"],
            rows.map { row in
                let number = Cell(row["contest"])
                return [Cell(text: number.text, link: "/contests/\(number.text)")]
                    + ["challenger", "champion", "state", "verdict", "opened_at", "decided_at"].map { Cell(row[$0]) }
            }, empty: "No contest was held yet.")
    }

    private func workers() async throws -> [String: Any] {
        let reports = Reports(database: database)
        let strange = Set(try await reports.outlyingWorkers().map(\.worker))
        var table = Self.table(
            ["Worker", "Lane", "State", "Jobs in work", "Silent for", "Residuals"],
            try await reports.workers().map { row in
                let id = row["id"]?.stringValue ?? ""
                return [
                    Cell(row["name"]), Cell(row["lane"]), Cell(row["state"]), Cell(row["leased_jobs"]),
                    Cell(text: "\(Int(row["silent_seconds"]?.doubleValue ?? 0)) s"),
                    Cell(text: strange.contains(id) ? "stands out: see af doctor" : "like others"),
                ]
            }, empty: "No worker has registered yet.")
        table["note"] = strange.isEmpty ? "" : "A worker's results differ from those of others on the same models."
        return table
    }

    private func rule() async throws -> [String: Any] {
        let history = WindowHistory(database: database)
        guard let (window, rule) = try? await history.rule(of: nil) else {
            return Self.table([], [], empty: "No window was opened yet.")
        }
        return Self.table(
            ["Window \(window)"], rule.prose.split(separator: "\n").map { [Cell(text: String($0))] }, empty: "")
    }

    private func contest(_ id: ContestID) async throws -> [String: Any] {
        let (record, isOver) = try await ContestHistory(database: database).contest(id)
        let explanation = try ContestExplanation(contest: id, record: record, isOver: isOver)
        let rows = try await database.run(LoadBoard(contest: id))
        var body: [String: Any] = [
            "verdict": explanation.decision?.rawValue ?? "running", "champion": record.champion.model.description,
            "challenger": record.challenger.model.description,
            "reasons": explanation.environments.map(\.report.reason), "board": ["rows": rows.map(\.context)],
            "statistics": ContestPage.statistics(of: explanation), "prose": record.rule.prose,
            "isBenchmark": record.challenger.hotkey.isBenchmark,
            "digest": record.rule.digest.description,
        ]
        if isOver { body["evidence"] = record.evidenceDigest.description }
        if let pivotal = explanation.pivotal {
            body["pivotal"] =
                "With \(pivotal.changes.count) other scores of the challenger it would be \(pivotal.decision.rawValue)."
            body["changes"] = pivotal.changes.prefix(10).map { change in
                [
                    "link": "/contests/\(id)/tasks/\(change.environment)/\(change.task)",
                    "text": "\(change.environment) task \(change.task)",
                    "words": "\(change.score) would have to be \(change.changed)",
                ]
            }
        }
        return body
    }

    private func transcripts(
        _ contest: ContestID, _ environment: EnvironmentName, _ task: TaskID
    ) async throws -> [String: Any] {
        let history = ContestHistory(database: database)
        let pair = TranscriptPair(
            try await history.answers(in: contest, environment: environment, tasks: [task]))
        func context(_ lines: [TranscriptPair.Line]) -> [[String: Any]] {
            lines.map { ["role": $0.role, "text": $0.text] }
        }
        return [
            "contest": contest.description, "isEmpty": pair.isEmpty, "shared": context(pair.shared),
            "champion": context(pair.champion), "challenger": context(pair.challenger),
        ]
    }

    static func table(_ columns: [String], _ rows: [[Cell]], empty: String) -> [String: Any] {
        [
            "columns": columns, "isEmpty": rows.isEmpty, "empty": empty,
            "rows": rows.map { ["cells": $0.map(\.context)] as [String: Any] },
        ]
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
