import Foundation
import Logging
import Postgres
import Synchronization
import TestSupport

/// One node of a plan that was run.
struct PlanNode: Decodable {
    var type: String
    var relation: String?
    var rows: Double
    var loops: Double
    var filteredOut: Double?
    var plans: [PlanNode]?

    enum CodingKeys: String, CodingKey {
        case type = "Node Type"
        case relation = "Relation Name"
        case rows = "Actual Rows"
        case loops = "Actual Loops"
        case filteredOut = "Rows Removed by Filter"
        case plans = "Plans"
    }

    var all: [PlanNode] { [self] + (plans ?? []).flatMap(\.all) }

    /// What is wrong with a plan that has so many jobs to do.
    func faults(jobs: Int, scannable: Set<String> = []) -> [String] {
        let most = Double(jobs + 60)
        return all.compactMap { node in
            let read = (node.rows + (node.filteredOut ?? 0)) * node.loops
            if let relation = node.relation {
                if node.type == "Seq Scan", !scannable.contains(relation) { return "scan of all of \(relation)" }
                return read > most && !scannable.contains(relation) ? "\(Int(read)) rows of \(relation) read" : nil
            }
            return node.type.hasSuffix("Sort") && read > most ? "\(Int(read)) rows sorted" : nil
        }
    }
}

/// The plans of everything that one session runs, also within functions, as `auto_explain` tells them in notices.
final class PlanLog: Sendable {
    private let notices = Mutex<[String]>([])

    /// Runs statements in a session of the superuser's, and returns the plan and text of each that was run for them.
    static func of(_ statements: [String]) async throws -> [(text: String, plan: PlanNode)] {
        let log = PlanLog()
        var settings = FreshDatabase.current.settings()
        settings.maximumConnections = 1
        settings.statementTimeout = .zero
        let database = Database(settings, logger: Logger(label: "plans") { _ in Handler(log: log) })
        let result = await Result(catching: {
            try await database.withSession { session in
                try session.execute(
                    """
                    LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
                    SET auto_explain.log_timing = off; SET auto_explain.log_nested_statements = on;
                    SET auto_explain.log_format = json; SET auto_explain.log_level = notice
                    """)
                for statement in statements { try session.execute(statement) }
                session.discard()
            }
        })
        await database.close()
        try result.get()
        return log.notices.withLock { $0 }.compactMap(parse)
    }

    private struct Explained: Decodable {
        var text: String
        var plan: PlanNode

        enum CodingKeys: String, CodingKey {
            case text = "Query Text"
            case plan = "Plan"
        }
    }

    private static func parse(_ notice: String) -> (text: String, plan: PlanNode)? {
        guard notice.hasPrefix("duration:"), let start = notice.firstIndex(of: "{") else { return nil }
        let explained = try? JSONDecoder().decode(Explained.self, from: Data(notice[start...].utf8))
        return explained.map { ($0.text, $0.plan) }
    }

    private struct Handler: LogHandler {
        let log: PlanLog
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        init(log: PlanLog) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            guard case .string(let message)? = event.metadata?["postgres.message"] else { return }
            log.notices.withLock { $0.append(message) }
        }
    }
}

extension Result where Failure == any Error {
    /// What an asynchronous body gives or throws.
    fileprivate init(catching body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
