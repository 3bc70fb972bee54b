import Coordinator
import CoordinatorAPI
import CoordinatorDashboard
import Domain
import FoundationEssentials
import HTTPClient
import Hummingbird
import TestSupport
import Testing

@Suite("The dashboard", .migratedDatabase, .timeLimit(.minutes(5))) struct DashboardTests {
    private func serving(
        _ stage: Stage, _ body: @escaping @Sendable (String, HTTPClient) async throws -> Void
    ) async throws {
        let router = Router(context: ClientContext.self)
        try Dashboard(database: stage.coordinator).addRoutes(to: router)
        try await Served.with(router, body)
    }

    private static func page(_ url: String, _ http: HTTPClient) async throws -> String {
        let reply = try await Reply.get(url, http)
        #expect(reply.status == 200 && reply.header("content-type") == "text/html; charset=utf-8", "\(url)")
        // No page has a script but the one that keeps it up to date, or anything from elsewhere.
        let text = String(decoding: reply.bytes, as: UTF8.self)
        #expect(!text.replacing("<script src=\"/live.js\" defer></script>", with: "").contains("<script"))
        #expect(!text.contains("http://") && !text.contains("https://"))
        #expect(reply.bytes.count < 100_000 && text.contains("<html lang=\"en\">") && !text.contains("{{"))
        return text
    }

    @Test("every page is there before anything has happened")
    func empty() async throws {
        try await Stage.with { stage in
            try await serving(stage) { url, http in
                let now = try await Self.page("\(url)/", http)
                let pages = now.matches(of: /<a href="(\/[a-z]*)"/).map { String($0.output.1) }
                #expect(pages.count == 11 && pages.first == "/")
                for path in pages {
                    let page = try await Self.page(url + path, http)
                    #expect(page.contains("<a href=\"\(path)\" aria-current=\"page\">"), "\(path)")
                }
                #expect(try await Self.page("\(url)/queue", http).contains("Nobody waits."))
                #expect(try await Reply.get("\(url)/contests/7", http).status == 404)
                #expect(try await Reply.get("\(url)/contests/x", http).status == 404)
                #expect(
                    try await Reply.get("\(url)/style.css", http).header("content-type") == "text/css; charset=utf-8")
                #expect(
                    try await Reply.get("\(url)/live.js", http).header("content-type")
                        == "text/javascript; charset=utf-8")
                // Without a script the page is loaded again, and all that it needs is small.
                #expect(now.contains("<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>"))
                var bytes = 0
                for path in ["/", "/style.css", "/live.js"] {
                    bytes += try await Reply.get("\(url)\(path)", http).bytes.count
                }
                #expect(bytes < 100_000)
            }
        }
    }

    @Test("metrics are there from the start, one line a series under its help, and follow what happens")
    func metrics() async throws {
        try await Stage.with { stage in
            try await serving(stage) { url, http in
                let empty = try await Self.metrics(url, http)
                #expect(empty["affine_miners{state=\"pending\"}"] == 0 && empty["affine_ready_jobs"] == 0)
                #expect(empty["affine_contest_age_seconds"] == nil && empty["affine_weights_age_blocks"] == nil)
                let miners = try await stage.prepare("abc")
                try await stage.play([miners[0]]) { _ in .scored(500) }
                let running = try await Self.metrics(url, http)
                #expect(running["affine_miners{state=\"champion\"}"] == 1)
                #expect(running["affine_miners{state=\"contesting\"}"] == 1)
                #expect(running["affine_miners{state=\"pending\"}"] == 1)
                #expect(running["affine_contests{state=\"running\"}"] == 1 && running["affine_ready_jobs"] == 20)
                #expect(running["affine_contest_age_seconds"].map { $0 >= 0 } == true)
                #expect(running["affine_window_age_blocks"].map { $0 >= 0 } == true)
            }
        }
    }

    @Test("every alert looks at metrics that there are, and says what to do")
    func alerts() async throws {
        try await Stage.with { stage in
            let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
            let file = root.appending(path: "deploy/prometheus/alerts.yml")
            let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            let view = try await stage.owner.value("SELECT pg_get_viewdef('ops.metric'::regclass)")
            let looks = lines.filter { $0.contains("expr:") }
            #expect(looks.count > 1)
            #expect(looks.count == lines.count { $0.contains("- alert:") })
            #expect(looks.count == lines.count { $0.contains("action:") })
            for look in looks {
                let names = look.matches(of: /affine_[a-z_]+/).map(\.output)
                #expect(!names.isEmpty && names.allSatisfy { view.contains("'\($0)'") }, "\(look)")
            }
        }
    }

    private static func metrics(_ url: String, _ http: HTTPClient) async throws -> [String: Double] {
        let reply = try await Reply.get("\(url)/metrics", http)
        #expect(reply.status == 200 && reply.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
        let lines = String(decoding: reply.bytes, as: UTF8.self).split(separator: "\n")
        let series = lines.filter { !$0.hasPrefix("#") }.map { $0.split(separator: " ") }
        let helps = lines.filter { $0.hasPrefix("# HELP ") }.map { $0.split(separator: " ")[2] }
        // A name's series follow one another, under one help.
        #expect(Set(helps).count == helps.count && Set(series.map { $0[0].prefix { $0 != "{" } }) == Set(helps))
        return Dictionary(
            series.map { (String($0[0]), Double($0[1]) ?? .nan) }, uniquingKeysWith: { _, _ in .nan })
    }

    @Test(
        "the running contest's board shows champion, what is to be beaten and where the challenger can end, also to who can't see"
    )
    func board() async throws {
        try await Stage.with({ $0.environmentOrder = .parallel }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let crew = try await stage.crew([miners[1]])
            for _ in 0..<4 { _ = try await crew.work(runs: 1) { _ in .scored(1_000) } }
            try await serving(stage) { url, http in
                let now = try await Self.page("\(url)/", http)
                #expect(now.contains("<a href=\"/contests/2\">2</a>") && now.contains("4 of 20 tasks decided"))
                // Two of ten tasks with 1: the mean ends between .2 and 1.
                #expect(now.contains("abd: challenger 0.2 to 1, champion 0.5, to beat 0.6: open"))
                #expect(now.contains("width=\"80.0\""))
                let contest = try await Self.page("\(url)/contests/2", http)
                #expect(contest.contains("running: <code>models/b@") && contest.contains("not complete"))
            }
        }
    }

    /// Keeps a transcript of every attempt: a question that is the same for all, and an answer that names its evaluation.
    private static let transcripts = #"""
        CREATE FUNCTION pg_temp.said(role text, words text) RETURNS text LANGUAGE sql AS
            $$ SELECT json_build_object('content', words, 'role', role)::text $$;
        INSERT INTO affine.message (digest, content)
        SELECT DISTINCT sha256(convert_to(m, 'UTF8')), m FROM affine.evaluation e, LATERAL unnest(ARRAY[
            pg_temp.said('user', 'the same question'),
            pg_temp.said('assistant', 'said by ' || e.id || E' <img> \x1b[31m')]) AS m;
        INSERT INTO affine.transcript (evaluation, lease, bytes, position, environment, is_cut, messages)
        SELECT a.evaluation, a.lease, 1, a.position, a.environment, false,
               ARRAY[sha256(convert_to(pg_temp.said('user', 'the same question'), 'UTF8')),
                     sha256(convert_to(pg_temp.said('assistant', 'said by ' || a.evaluation || E' <img> \x1b[31m'), 'UTF8'))]
        FROM affine.attempt a;
        """#

    @Test(
        "a contest that is over is explained: reasons, chance, pivotal tasks, the rule and the digest; hostile names are text"
    )
    func contest() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play(miners) { .scored($0.miner == "a" ? 500 : $0.miner == "b" ? 700 : 100) }
            try await stage.owner.execute(
                "SET session_replication_role = replica; UPDATE affine.worker SET name = '<b>x</b>'; SET session_replication_role = origin"
            )
            try await serving(stage) { url, http in
                let contest = try await Self.page("\(url)/contests/2", http)
                for words in [
                    "dethroned", "won by", "What the verdict hangs on", "The challenger takes the throne if",
                    "evidence <code>",
                ] {
                    #expect(contest.contains(words), "\(words)")
                }
                let link = try #require(contest.firstMatch(of: /href="(\/contests\/2\/tasks\/[a-z]+\/[0-9]+)"/)).output
                    .1
                #expect(try await Self.page(url + link, http).contains("No transcript of this task was kept."))
                try await stage.owner.execute(Self.transcripts)
                let task = try await Self.page(url + link, http)
                #expect(task.components(separatedBy: "the same question").count == 2)
                #expect(task.contains("said by 1") && task.contains("said by 2"))
                #expect(task.contains("&lt;img&gt;") && !task.contains("<img"))
                #expect(!task.unicodeScalars.contains("\u{1B}") && task.contains("\u{FFFD}[31m"))
                let list = try await Self.page("\(url)/contests", http)
                #expect(list.contains("<a href=\"/contests/3\">3</a>") && list.contains("champion_keeps"))
                let workers = try await Self.page("\(url)/workers", http)
                #expect(workers.contains("&lt;b&gt;x") && !workers.contains("<b>x"))
                #expect(workers.contains("nobody waits in the queue"))
                let rule = try await Self.page("\(url)/rule", http)
                #expect(rule.contains("A tie keeps the champion."))
                #expect(rule.contains("An identical copy takes the throne with probability"))
                #expect(try await Self.page("\(url)/queue", http).contains("better in every environment by: abd "))
            }
        }
    }

    @Test("miners, reigns, windows and what went wrong are listed, each with why and where")
    func lists() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play(miners) { job in
                job.lease.attempt == 1 && job.task % 2 == 0
                    ? .infraFault : .scored(job.miner == "b" ? 700 : job.miner == "a" ? 500 : 100)
            }
            try await stage.observe(130)
            try await serving(stage) { url, http in
                let rows = try await Self.page("\(url)/miners", http)
                #expect(rows.contains("models/c") && rows.contains("terminated") && rows.contains("champion"))
                let reigns = try await Self.page("\(url)/reigns", http)
                #expect(reigns.contains("<a href=\"/contests/2\">2</a>") && reigns.contains("<td>30</td>"))
                let windows = try await Self.page("\(url)/windows", http)
                #expect(windows.contains("<td>open</td>") && windows.contains("<td>100</td>"))
                let errors = try await Self.page("\(url)/errors", http)
                #expect(errors.contains("<td>infra_fault</td>") && errors.contains("<td>abd</td>"))
                let costs = try await Self.page("\(url)/costs", http)
                #expect(costs.contains("<td>champion</td>") && costs.contains("None of them has a price"))
            }
        }
    }

    @Test("a list of more than 500 says how many there are")
    func long() async throws {
        try await Stage.with { stage in
            try await stage.observe(100)
            try await stage.owner.execute(
                """
                INSERT INTO affine.commitment (hotkey, model, revision, block)
                SELECT '5' || translate(lpad(n::text, 47, '0'), '0123456789', 'ABCDEFGHJK'), 'm/' || n, repeat('0', 40), n
                FROM generate_series(1, 501) AS n;
                INSERT INTO affine.miner (hotkey, commitment, first_block, state)
                SELECT hotkey, id, block, 'pending' FROM affine.commitment
                """)
            try await serving(stage) { url, http in
                let page = String(decoding: try await Reply.get("\(url)/miners", http).bytes, as: UTF8.self)
                #expect(page.components(separatedBy: "<tr>").count == 502)
                #expect(page.contains("The first 500 of 501 are shown."))
            }
        }
    }
}
