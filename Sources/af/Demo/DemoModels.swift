import Coordinator
import Domain
import Logging
import Processes
import Worker

/// One of the two miners of the demo.
struct DemoContestant: Sendable {
    let hotkey: Hotkey
    let model: ModelReference
    let endpoint: Endpoint
}

/// The models behind the demo, served while a body runs.
enum DemoModels {
    /// Well-known development addresses of Substrate chains: nobody's.
    static func hotkeys() throws(InvalidValue) -> [Hotkey] {
        [
            try Hotkey("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"),
            try Hotkey("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"),
        ]
    }

    static func serving<Value: Sendable>(
        _ models: DemoCommand.Models, folder: String, logger: Logger,
        _ body: @escaping @Sendable ([DemoContestant]) async throws -> Value
    ) async throws -> Value {
        switch models {
        case .scripted: try await ScriptedModels.serving(logger: logger, body)
        case .real: try await RealModels.serving(folder: folder, logger: logger, body)
        }
    }
}

extension DemoModels {
    /// A port that nobody uses at the moment.
    static func freePort() throws -> Int {
        guard let port = ThisMachine.freePort else { throw CommandError("no port of 127.0.0.1 is free") }
        return port
    }
}

extension DemoCommand.Models {
    /// Jobs under way at once in each worker process.
    var concurrency: Int {
        switch self {
        case .real: 2
        case .scripted: 4
        }
    }

    /// Difficulties at which these models score between 5 % and 95 %.
    func environments(tasks: Int32?) throws -> [EnvironmentDefinition] {
        let (difficulty, count, timeout): ([Int64], Int32, Duration) =
            switch self {
            case .real: ([0, 0], 16, .seconds(120))
            case .scripted: ([3, 3], 30, .seconds(30))
            }
        return try zip(["abd", "ded"], difficulty).map { name, difficulty in
            EnvironmentDefinition(
                name: try EnvironmentName(name), bounds: .zeroToOne, margin: Score(nano: Score.unit / 20),
                samplingCount: tasks ?? count, datasetRanges: [0..<500], timeout: timeout, runLength: 2,
                parameters: ["difficulty": .integer(difficulty)])
        }
    }
}
