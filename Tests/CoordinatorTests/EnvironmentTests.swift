import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

@Suite struct EnvironmentCheckTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let change: @Sendable (inout EnvironmentDefinition) throws -> Void

        init(_ error: String, _ change: @escaping @Sendable (inout EnvironmentDefinition) throws -> Void) {
            testDescription = error
            self.change = change
        }
    }

    static let rows = [
        Row("dataset_ranges '[]' is not valid: expected at least one task id") { $0.datasetRanges = [] },
        Row("dataset_ranges '[Range(5..<5)]' is not valid: expected at least one task id") {
            $0.datasetRanges = [5..<5]
        },
        Row("dataset_ranges '-1..<20' is not valid: expected task ids of 0 or more") { $0.datasetRanges = [-1..<20] },
        Row("sampling_count '21' is not valid: expected 1 to 20: the ranges hold 20 tasks") {
            $0.datasetRanges = [0..<15, 10..<20]
            $0.samplingCount = 21
        },
        Row("sampling_count '0' is not valid: expected 1 to 1000: the ranges hold 1000 tasks") { $0.samplingCount = 0 },
        Row("margin '1' is not valid: expected 0 or more, and less than the score span 1 of [0, 1]") {
            $0.margin = .one
        },
        Row("margin '-0.1' is not valid: expected 0 or more, and less than the score span 1 of [0, 1]") {
            $0.margin = Score(nano: -Score.unit / 10)
        },
        Row("base_url 'none' is not valid: expected a URL for kind 'url', and none for other kinds") {
            $0.kind = .url
        },
        Row("base_url 'http://x' is not valid: expected a URL for kind 'url', and none for other kinds") {
            $0.baseURL = "http://x"
        },
        Row("container 'none' is not valid: expected an image for kind 'container', and none for other kinds") {
            $0.kind = .container
        },
        Row("container 'a:1' is not valid: expected an image for kind 'container', and none for other kinds") {
            $0.container = ContainerSettings(image: "a:1")
        },
        Row("container.port '0' is not valid: expected 1 to 65535") {
            $0.kind = .container
            $0.container = ContainerSettings(image: "a:1", port: 0)
        },
        Row("timeout '0.05 seconds' is not valid: expected 0.1 to 86400 seconds") { $0.timeout = .milliseconds(50) },
        Row("max_attempts '0' is not valid: expected 1 to 100") { $0.maximumAttempts = 0 },
        Row("run_length '1001' is not valid: expected 1 to 1000") { $0.runLength = 1_001 },
        Row("bounds '[0, 9000000000]' is not valid: expected scores from -10000 to 10000") {
            $0.bounds = try #require(ScoreBounds(lo: .zero, hi: Score(nano: 9_000_000_000 * Score.unit)))
        },
        Row("bounds '[-9223372036.854775808, 9223372036.854775807]' is not valid: expected scores from -10000 to 10000")
        {
            $0.bounds = try #require(ScoreBounds(lo: Score(nano: .min), hi: Score(nano: .max)))
        },
    ]

    @Test("a definition that cannot work is refused with field, value and what is allowed", arguments: rows)
    func refused(row: Row) throws {
        var definition = try EnvironmentDefinition.test("abd")
        try row.change(&definition)
        let error = #expect(throws: InvalidValue.self) { try definition.check() }
        #expect(error?.description == "environment abd: " + row.testDescription)
    }

    @Test("what lies just inside the limits is accepted")
    func accepted() throws {
        var definition = try EnvironmentDefinition.test("abd")
        definition.datasetRanges = [0..<15, 10..<20]
        definition.samplingCount = 20
        definition.margin = Score(nano: Score.unit - 1)
        definition.kind = .url
        definition.baseURL = "http://x"
        definition.timeout = .milliseconds(100)
        try definition.check()
    }
}

@Suite(.migratedDatabase) struct EnvironmentTableTests {
    @Test(
        "the database refuses the same, whoever writes it",
        arguments: [
            ("environment_range", "dataset_ranges = '{}'"),
            ("environment_range", "dataset_ranges = '{[5,5)}'"),
            ("environment_range", "dataset_ranges = '{[-1,2000)}'"),
            ("environment_range", "dataset_ranges = '{[0,)}'"),
            ("environment_sampling_count", "sampling_count = 1001"),
            ("environment_sampling_count_check", "sampling_count = 0"),
            ("environment_margin", "margin_nano = 1000000000"),
            ("environment_margin", "margin_nano = -1"),
            ("environment_bounds", "hi_nano = lo_nano, margin_nano = 0"),
            ("environment_bounds", "hi_nano = 10000000000001"),
            ("environment_check", "kind = 'url'"),
            ("environment_check", "base_url = 'http://x'"),
            ("environment_kind_check", "kind = 'vessel'"),
            ("environment_container", "kind = 'container'"),
            ("environment_container", "container = '{}'"),
            ("environment_timeout_ms_check", "timeout_ms = 99"),
            ("environment_max_attempts_check", "max_attempts = 0"),
            ("environment_run_length_check", "run_length = 1001"),
            ("environment_name_check", "name = 'ABD'"),
        ])
    func constraints(constraint: String, change: String) async throws {
        try await Stage.with { stage in
            try await stage.define(.test("abd"))
            let error = await stage.owner.refusal("UPDATE affine.environment SET \(change)")
            #expect(error?.sqlState == "23514")
            #expect(error?.message.contains("\"\(constraint)\"") == true, "\(error?.message ?? "")")
        }
    }

    @Test("a definition is stored as it was given, and defining it again replaces it")
    func stored() async throws {
        try await Stage.with { stage in
            try await stage.define(.test("abd", count: 5))
            var definition = try EnvironmentDefinition.test("abd", count: 6, attempts: 4, runLength: 2)
            definition.kind = .url
            definition.baseURL = "http://x"
            definition.datasetRanges = [10..<20, 0..<10, 30..<40]
            definition.timeout = .milliseconds(1_500)
            definition.parameters = ["level": .integer(3)]
            try await stage.define(definition)
            try await #expect(
                stage.owner.column(
                    """
                    SELECT concat_ws(' ', name, kind, base_url, enabled, lo_nano, hi_nano, margin_nano, sampling_count,
                        dataset_ranges, timeout_ms, max_attempts, run_length, parameters) FROM affine.environment
                    """)
                    == [
                        "abd url http://x t 0 1000000000 100000000 6 {[0,20),[30,40)} 1500 4 2 {\"level\": 3}"
                    ])
            try await #expect(stage.events("environment.defined") == 2)
        }
    }

    private static func document(_ change: String = "") -> String {
        """
        ('{"image": "a:1", "memory_bytes": 16777216, "pids_limit": 8, "read_only": true, "port": 8000, "env": {"A": "b"}, \
        "secrets": ["KEY"], "replicas": 1, "idle_seconds": 1, "start_seconds": 1}'::jsonb\(change))
        """
    }

    @Test(
        "the database refuses a container that cannot be run, whoever writes it",
        arguments: [
            " - 'image'", " || '{\"image\": \"a\"}'", " || '{\"image\": \"a@sha256:12\"}'",
            " || '{\"memory_bytes\": 1}'",
            " || '{\"memory_bytes\": \"16777216\"}'", " || '{\"memory_bytes\": 16777216.5}'",
            " || '{\"nano_cpus\": null}'",
            " || '{\"nano_cpus\": 1}'", " || '{\"pids_limit\": 7}'", " || '{\"read_only\": 1}'", " || '{\"port\": 0}'",
            " || '{\"replicas\": 65}'", " || '{\"idle_seconds\": 0}'", " || '{\"start_seconds\": 3601}'",
            " || '{\"env\": []}'", " || '{\"env\": {\"a\": \"b\"}}'", " || '{\"env\": {\"A\": 1}}'",
            " || '{\"secrets\": {}}'", " || '{\"secrets\": [1]}'", " || '{\"secrets\": [\"a=b\"]}'",
            " || '{\"privileged\": true}'",
        ])
    func containers(change: String) async throws {
        try await Stage.with { stage in
            try await stage.define(.test("abd"))
            let set = "UPDATE affine.environment SET kind = 'container', container = "
            try await stage.owner.execute(set + Self.document())
            try await stage.owner.execute(set + Self.document(" || '{\"nano_cpus\": 10000000}'"))
            let error = await stage.owner.refusal(set + Self.document(change))
            #expect(
                error?.message.contains("environment_container_document") == true, "\(error?.message ?? "accepted")")
        }
    }

    @Test("what the program can say of a container the database takes, and a window freezes and describes it")
    func frozenContainer() async throws {
        try await Stage.with { stage in
            var definition = try EnvironmentDefinition.test("abd", count: 5)
            definition.kind = .container
            definition.container = ContainerSettings(
                image: "host:5000/a/b:t@sha256:" + String(repeating: "0", count: 64), nanoCPUs: 500_000_000,
                isReadOnly: true,
                variables: ["LEVEL": "3"], secrets: ["API_KEY"])
            try await stage.define(definition)
            try await stage.observe(100)
            try await stage.admit("a")
            try await stage.arena.advance()
            definition.container?.image = "other:1"
            try await stage.define(definition)
            try await #expect(
                stage.owner.column(
                    """
                    SELECT d.kind || ' ' || (d.container::jsonb ->> 'image') FROM affine.evaluation e
                    CROSS JOIN LATERAL affine.describe_evaluation(e.id) AS d
                    """) == ["container host:5000/a/b:t@sha256:" + String(repeating: "0", count: 64)])
            for known in try EnvironmentFile.known() { try await stage.define(known) }
        }
    }
}
