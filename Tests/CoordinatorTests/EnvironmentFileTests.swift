import Coordinator
import Domain
import Rules
import Testing

@Suite struct EnvironmentFileTests {
    @Test("Every field of a definition is read, from YAML as from JSON")
    func whole() throws {
        let yaml = """
            name: lgc
            kind: container
            margin: 0.05
            lo: -1
            hi: 2.5
            sampling_count: 200
            ranges: ["0..<10000", "20000..<30000"]
            range_source: { url: "http://data/meta.json", field: tasks.count }
            selection: latest
            timeout: 1800
            temperature: 0.7
            max_attempts: 5
            run_length: 4
            cluster_span: 10
            parameters: { level: 3, name: "3", deep: { list: [1, 0.5, true, null, yes] } }
            container:
              image: affinefoundation/lgc:pi-v2
              memory: 20g
              cpus: 2.5
              pids: 100
              read_only: true
              port: 9000
              env: { LEVEL: 3, MODE: fast }
              secrets: [API_KEY]
              replicas: 2
              idle: 60
              start: 30
            """
        let json = """
            {"name": "lgc", "kind": "container", "margin": "0.05", "lo": -1, "hi": 2.5, "sampling_count": 200,
             "ranges": ["0..<10000", "20000..<30000"], "range_source": {"url": "http://data/meta.json", "field": "tasks.count"},
             "selection": "latest", "timeout": 1800, "temperature": 0.7, "max_attempts": 5, "run_length": 4, "cluster_span": 10,
             "parameters": {"level": 3, "name": "3", "deep": {"list": [1, 0.5, true, null, "yes"]}},
             "container": {"image": "affinefoundation/lgc:pi-v2", "memory": "20g", "cpus": 2.5, "pids": 100, "read_only": true,
                           "port": 9000, "env": {"LEVEL": "3", "MODE": "fast"}, "secrets": ["API_KEY"], "replicas": 2,
                           "idle": 60, "start": 30}}
            """
        for text in [yaml, json] {
            let definition = try #require(EnvironmentFile.read(text, from: "lgc").first)
            #expect(definition.name.rawValue == "lgc" && definition.kind == .container && definition.baseURL == nil)
            #expect(definition.margin.nano == 50_000_000 && definition.samplingCount == 200)
            #expect(definition.bounds.lo.nano == -1_000_000_000 && definition.bounds.hi.nano == 2_500_000_000)
            #expect(definition.datasetRanges == [0..<10_000, 20_000..<30_000] && definition.selection == .latest)
            #expect(definition.rangeSource == .init(url: "http://data/meta.json", field: "tasks.count"))
            #expect(definition.timeout == .seconds(1_800) && definition.temperature == 0.7)
            #expect(definition.maximumAttempts == 5 && definition.runLength == 4 && definition.clusterSpan == 10)
            #expect(
                definition.parameters == [
                    "level": .integer(3), "name": .string("3"),
                    "deep": .object(["list": .array([.integer(1), .number(0.5), .bool(true), .null, .string("yes")])]),
                ])
            #expect(
                definition.container
                    == ContainerSettings(
                        image: "affinefoundation/lgc:pi-v2", memoryBytes: 20 << 30, nanoCPUs: 2_500_000_000,
                        pidsLimit: 100,
                        isReadOnly: true, port: 9_000, variables: ["LEVEL": "3", "MODE": "fast"], secrets: ["API_KEY"],
                        replicas: 2, idleSeconds: 60, startSeconds: 30))
        }
    }

    @Test("A file may hold several definitions, and what a definition leaves out is as 'af env define' has it")
    func several() throws {
        let text = "name: abd\nkind: builtin\n---\nname: web\nkind: url\nbase_url: http://h:8000\nranges: 5..<400\n"
        let definitions = try EnvironmentFile.read(text, from: "two.yaml")
        #expect(definitions.map(\.name.rawValue) == ["abd", "web"])
        #expect(definitions[0].datasetRanges == [0..<1_000_000] && definitions[0].samplingCount == 300)
        #expect(definitions[0].margin.nano == 30_000_000 && definitions[0].runLength == nil)
        #expect(definitions[1].baseURL == "http://h:8000" && definitions[1].datasetRanges == [5..<400])
    }

    @Test("a derived environment and tolerances are read, and half of either is refused by field")
    func derived() throws {
        let text = "name: short\nkind: derived\nderived_from: abd\ntoken_budget: 4096\ntolerance: 0.02\n"
        let definition = try #require(EnvironmentFile.read(text, from: "e.yaml").first)
        #expect(
            definition.derived == TokenEfficiency(source: try EnvironmentName("abd"), tokenBudget: 4_096)
                && definition.tolerance == .multiplicative(Score(nano: 20_000_000)))
        for (old, new, field) in [
            ("token_budget: 4096", "", "token_budget"), ("derived_from: abd", "", "token_budget"),
            ("derived_from: abd\ntoken_budget: 4096", "", "derived_from"),
            ("kind: derived", "kind: builtin", "derived_from"),
            ("derived_from: abd", "derived_from: short", "derived_from"),
            ("tolerance: 0.02", "tolerance: 0.02\nadditive_tolerance: 0.1", "additive_tolerance"),
            ("tolerance: 0.02", "hi: 2", "bounds"), ("tolerance: 0.02", "additive_tolerance: 2", "additive_tolerance"),
        ] {
            let error = #expect(throws: InvalidValue.self) {
                try EnvironmentFile.read(text.replacing(old, with: new), from: "e.yaml")
            }
            #expect(error?.field.hasSuffix(field) == true, "\(String(describing: error))")
        }
    }

    @Test("a few lines of aliases don't become a million values, and aliases as people use them are followed")
    func aliases() throws {
        let start = "name: abd\nkind: builtin\nparameters:\n"
        let bomb = (1...40).map { "  v\($0): &v\($0) [\($0 == 1 ? "1" : "*v\($0 - 1), *v\($0 - 1)")]\n" }.joined()
        let error = #expect(throws: InvalidValue.self) { try EnvironmentFile.read(start + bomb, from: "e.yaml") }
        #expect(
            error?.field.hasSuffix("parameters") == true && error?.expected.hasPrefix("at most 10000 values") == true)
        let shared = try EnvironmentFile.read(start + "  a: &a [1, 2]\n  b: *a\n", from: "e.yaml")
        #expect(shared.first?.parameters["b"] == .array([.integer(1), .integer(2)]))
    }

    private static let container = "name: e\nkind: container\ncontainer:\n  image: a:1\n  "

    @Test(
        "What is wrong is told with file, line, field, value and what is allowed",
        arguments: [
            ("", "e.yaml '' is not valid: expected at least one definition of an environment"),
            (
                "- 1",
                "e.yaml:1: definition 'a list' is not valid: expected fields with their values: name, kind, base_url,"
            ),
            ("kind: url", "e.yaml:1: name '' is not valid: expected the environment's name"),
            ("name: E\nkind: url", "e.yaml:1: name 'E' is not valid: expected 1-63 characters of a-z"),
            ("name: e", "e.yaml:1: kind '' is not valid: expected one of builtin, url, container"),
            ("name: e\nkind: docker", "e.yaml:2: kind 'docker' is not valid: expected one of builtin, url, container"),
            (
                "name: e\nkind: url\nbase_url: nonsense",
                "e.yaml:1: base_url 'nonsense' is not valid: expected an http or https URL"
            ),
            (
                "name: e\nkind: url",
                "e.yaml:1: environment e: base_url 'none' is not valid: expected a URL for kind 'url'"
            ),
            (
                "name: e\nkind: builtin\nmargins: 1",
                "e.yaml:3: field 'margins' is not valid: expected one of name, kind, base_url, container, margin, "
            ),
            ("name: e\nkind: builtin\nmargin: much", "e.yaml:3: margin 'much' is not valid: expected a decimal number"),
            ("name: e\nkind: builtin\nmargin: [1]", "e.yaml:3: margin 'a list' is not valid: expected text"),
            (
                "name: e\nkind: builtin\nranges: [\"0..<5\", all]",
                "e.yaml:1: ranges 'all' is not valid: expected two task ids such as 0..<1000"
            ),
            (
                "name: e\nkind: builtin\nsampling_count: 0",
                "e.yaml:1: environment e: sampling_count '0' is not valid: expected 1 to 100000: the ranges hold 1000000 tasks"
            ),
            (
                "name: e\nkind: builtin\nsampling_count: 1.5",
                "e.yaml:3: sampling_count '1.5' is not valid: expected a whole"
            ),
            ("name: e\nkind: builtin\nlo: 1", "e.yaml:1: hi '' is not valid: expected more than lo, which is 1"),
            (
                "name: e\nkind: builtin\nrun_length: long",
                "e.yaml:3: run_length 'long' is not valid: expected auto, or 1"
            ),
            (
                "name: e\nkind: builtin\nparameters: 3",
                "e.yaml:3: parameters '3' is not valid: expected names with their"
            ),
            (
                "name: e\nkind: container\ncontainer: {}",
                "e.yaml:3: container.image '' is not valid: expected name:tag, or"
            ),
            (
                container + "memory: 20q",
                "e.yaml:5: container.memory '20q' is not valid: expected bytes, or a number with k"
            ),
            (
                container + "memori: 20g",
                "e.yaml:5: container.field 'memori' is not valid: expected one of image, memory, "
            ),
            (
                container + "memory: 1k",
                "e.yaml:1: environment e: container.memory_bytes '1024' is not valid: expected 1677"
            ),
            (
                container + "read_only: maybe",
                "e.yaml:5: container.read_only 'maybe' is not valid: expected true or false"
            ),
            (container + "env: { a: b }", "e.yaml:1: environment e: container.env 'a' is not valid: expected names of"),
            (
                container + "env: { A: [1] }",
                "e.yaml:5: container.env 'fields' is not valid: expected names with texts: 'A'"
            ),
        ])
    func refused(text: String, message: String) {
        let error = #expect(throws: InvalidValue.self) { try EnvironmentFile.read(text, from: "e.yaml") }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "accepted")")
    }

    @Test("What is no YAML is refused with the place", arguments: ["a: [", "name: e\nname: f\nkind: url", "\tx: 1"])
    func malformed(text: String) {
        let error = #expect(throws: InvalidValue.self) { try EnvironmentFile.read(text, from: "e.yaml") }
        #expect(error?.field == "e.yaml" && error?.expected == "YAML or JSON")
    }

    @Test("A misspelt field is told the one that was meant, and what is far from all of them none")
    func nearest() {
        let error = #expect(throws: InvalidValue.self) {
            try EnvironmentFile.read("name: e\nkind: url\nsamplingcount: 3", from: "e.yaml")
        }
        #expect(error?.description.hasSuffix("; did you mean 'sampling_count'?") == true)
        #expect(Spelling.nearest(to: "marign", of: ["margin", "name"]) == "margin")
        #expect(Spelling.nearest(to: "zebra", of: ["margin", "name"]) == nil)
    }

    @Test("Every environment that the network is known to use ships as a definition that can be defined")
    func known() throws {
        let known = try EnvironmentFile.known()
        #expect(
            known.map(\.name.rawValue) == [
                "affine-abd", "affine-ded", "lgc", "game", "swebench", "print", "distill", "memorygym", "reasoning",
                "instruction-gym", "terminal", "navworld", "liveweb-arena",
            ])
        #expect(
            known.allSatisfy { $0.kind == .container && $0.container?.image.hasPrefix("affinefoundation/") == true })
        #expect(known.first { $0.name.rawValue == "navworld" }?.temperature == 0.7)
    }
}
