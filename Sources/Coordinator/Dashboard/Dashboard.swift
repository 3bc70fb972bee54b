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
    let database: Database
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
        router.get("contests/:contest") { _, context in
            guard let number = context.parameters.get("contest", as: Int64.self) else { throw HTTPError(.notFound) }
            let id = ContestID(rawValue: number)
            let body = try await Self.found { try await contest(id) }
            return try page("Contest \(id)", path: "/contests", "contest", body, refresh: 30)
        }
        router.get("contests/:contest/tasks/:environment/:task") { _, context in
            guard let number = context.parameters.get("contest", as: Int64.self),
                let environment = context.parameters.get("environment").flatMap(EnvironmentName.init(rawValue:)),
                let task = context.parameters.get("task", as: Int64.self)
            else { throw HTTPError(.notFound) }
            let body = try await Self.found {
                try await transcripts(ContestID(rawValue: number), environment, TaskID(rawValue: task))
            }
            return try page(
                "Task \(task) of \(environment), contest \(number)", path: "/contests", "task", body)
        }
        for list in lists {
            router.get("\(list.path)") { _, _ in
                try page(list.name, path: "/\(list.path)", "table", try await list.make(), refresh: list.refresh)
            }
        }
        router.get("rule") { _, _ in try page("Rule", path: "/rule", "table", try await rule()) }
    }

    /// A contest that is not there is no failure of the server's.
    private static func found<Value>(_ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch let error as HistoryError {
            let status: HTTPResponse.Status = if case .archived = error { .gone } else { .notFound }
            throw HTTPError(status, message: error.description)
        }
    }

    /// Path and name of each, as they stand at the top of all.
    private var pages: [(path: String, name: String)] {
        [("/", "Now")] + lists.map { ("/" + $0.path, $0.name) } + [("/rule", "Rule")]
    }

    private func page(
        _ title: String, path: String, _ template: String, _ body: [String: Any], refresh: Int? = nil
    ) throws -> Response {
        var context: [String: Any] = [
            "title": title, "body": templates.render(body, withTemplate: template) ?? "",
            "pages": pages.map { ["path": $0.path, "name": $0.name, "isCurrent": $0.path == path] as [String: Any] },
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

    private func rule() async throws -> [String: Any] {
        let history = WindowHistory(database: database)
        guard let (window, rule) = try? await history.rule(of: nil) else {
            return Self.table([], [], empty: "No window was opened yet.")
        }
        var table = Self.table(
            ["Window \(window)"], rule.prose.split(separator: "\n").map { [Cell(text: String($0))] }, empty: "")
        table["note"] = try await odds()?.copyWords
        return table
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
}
