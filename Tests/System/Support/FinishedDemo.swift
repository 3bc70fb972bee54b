import Domain
import Testing

/// One demo that nobody disturbed, played once for all tests of a suite.
struct FinishedDemo: Sendable {
    static let arguments = ["demo", "--models", "scripted", "--seed", "1", "--tasks", "8", "--json", "--data"]

    let folder: String
    let report: JSONValue

    @TaskLocal static var bound: FinishedDemo?

    static var current: FinishedDemo {
        get throws { try #require(bound, "the suite lacks the trait .finishedDemo") }
    }
}

struct FinishedDemoTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withDataFolder { folder in
            let ended = try await Program.run(FinishedDemo.arguments + [folder])
            try #require(ended.exitCode == 0, "the demo failed: \(ended.errors)")
            let demo = FinishedDemo(folder: folder, report: try ended.json())
            try await FinishedDemo.$bound.withValue(demo, operation: function)
        }
    }
}

extension Trait where Self == FinishedDemoTrait {
    static var finishedDemo: Self { FinishedDemoTrait() }
}
