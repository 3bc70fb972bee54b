import Domain
import EnvironmentCalls
import FoundationEssentials
import Postgres
import Testing
import Worker

@Suite struct EnvironmentOrderTests {
    private func order(
        kind: String = "builtin", baseURL: String? = nil, container: String? = nil, lo: Int64 = 0, hi: Int64 = 1,
        parameters: String = "{}"
    ) throws -> EnvironmentOrder {
        try EnvironmentOrder(
            environment: 1, name: EnvironmentName("abd"), kind: kind, baseURL: baseURL, container: container,
            lo: Score(nano: lo), hi: Score(nano: hi), timeout: .seconds(1), temperature: 0, parameters: parameters,
            tasks: [])
    }

    @Test func knownKindsHaveTheirPlace() throws {
        #expect(try order().settings.place == .builtin)
        #expect(try order(kind: "url", baseURL: "http://h").settings.place == .url("http://h"))
        let container = ContainerSettings(
            image: "a:1", nanoCPUs: 5_000_000_000, variables: ["A": "b"], secrets: ["KEY"])
        let document = String(decoding: try JSONEncoder().encode(container), as: UTF8.self)
        #expect(try order(kind: "container", container: document).settings.place == .container(container))
        #expect(try order(parameters: #"{"difficulty":3}"#).settings.parameters == ["difficulty": .integer(3)])
    }

    @Test("A worker that meets ever more evaluations keeps the orders of those that it began last")
    func recent() throws {
        var recent = RecentOrders()
        let order = try order()
        let count = Int64(RecentOrders.maximumEvaluations)
        for evaluation in 1...count + 10 {
            // What two jobs fetched at once is one.
            for _ in 1...2 { recent.add([order], of: EvaluationID(rawValue: evaluation)) }
            #expect(recent[EvaluationID(rawValue: evaluation), 1] === order)
            #expect(recent[EvaluationID(rawValue: evaluation), 2] == nil)
        }
        let kept = (1...count + 10).filter { recent[EvaluationID(rawValue: $0), 1] != nil }
        #expect(kept == Array(11...count + 10))
    }

    @Test("What is no order is refused, with the environment's name and the reason")
    func refused() {
        let kinds = [("container", "x"), ("url", nil), ("builtin", "http://h"), ("", nil)] as [(String, String?)]
        for (kind, baseURL) in kinds {
            let error = #expect(throws: PostgresError.self) { try order(kind: kind, baseURL: baseURL) }
            #expect(error?.code == .decoding)
            #expect(error?.message == "environment abd is of kind '\(kind)', which this worker does not know")
        }
        for container in ["{}", #"{"image":"a"}"#] {
            let error = #expect(throws: PostgresError.self) { try order(kind: "container", container: container) }
            #expect(error?.message.hasPrefix("environment abd has a container that this worker can't read: ") == true)
        }
        let bounds = #expect(throws: PostgresError.self) { try order(lo: 1, hi: 1) }
        #expect(bounds?.message == "environment abd has bounds or parameters that are not valid")
        for parameters in ["", "[]", "{", "null"] {
            #expect(throws: PostgresError.self) { try order(parameters: parameters) }
        }
    }
}
