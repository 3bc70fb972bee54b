import ArgumentParser
import Domain
import EnvironmentServer
import Environments
import FoundationEssentials
import HTTPClient
import Hummingbird
import Inference
import Logging

extension EnvironmentCommand {
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Serve a built-in environment over the affinetes protocol until stopped.")
        @OptionGroup var options: CommonOptions
        @Argument(help: "abd or ded.")
        var name: String
        @Option(help: "Port to listen on; 0 takes a free one.")
        var port = 8000
        @Option(
            help: "Address to listen on. The protocol has no authentication: keep it on loopback or behind a proxy.")
        var host = "127.0.0.1"
        @Option(help: "Difficulty of calls that name none: 0 to 9.")
        var difficulty = 0

        func validate() throws {
            guard (0...65_535).contains(port) else {
                throw ValidationError("--port '\(port)' is not valid: expected 0 to 65535")
            }
            guard ReferenceEnvironments.difficulties.contains(difficulty) else {
                throw ValidationError("--difficulty '\(difficulty)' is not valid: expected 0 to 9")
            }
        }

        func run() async throws {
            let evaluator = try await Builtin.evaluator(name)
            let http = HTTPClient()
            let responder = EnvironmentResponder(evaluator: evaluator, difficulty: difficulty) { endpoint in
                try OpenAIClient(
                    baseURL: endpoint.baseURL, model: endpoint.model, apiKey: endpoint.apiKey ?? CommonOptions.apiKey,
                    http: http)
            }
            let (host, json) = (host, options.json)
            let application = Application(
                responder: responder,
                configuration: .init(address: .hostname(host, port: port), serverName: "affine"),
                onServerRunning: { channel in
                    let url = "http://\(host):\(channel.localAddress?.port ?? 0)"
                    Output.line(json ? "{\"url\":\"\(url)\"}" : "serving \(evaluator.environment.name) at \(url)")
                }, logger: options.serviceLogger)
            try await Services.run([application], logger: options.serviceLogger)
            await http.close()
        }
    }

    struct Call: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run one task against a model and print what the environment answers.",
            discussion: "AFFINE_API_KEY is sent to the model's endpoint as a bearer token.")
        @OptionGroup var options: CommonOptions
        @Argument(help: "abd or ded.")
        var name: String
        @Option(help: "The task's id.")
        var task: Int64
        @Option(help: "The id by which the endpoint knows the model.")
        var model: String
        @Option(help: "The endpoint, OpenAI-compatible and with /v1.")
        var baseURL: String
        @Option(help: "0 to 9.")
        var difficulty = 0
        @Option(help: "0 to 2.")
        var temperature = 0.0
        @Option(help: "Seconds for the model's answer.")
        var timeout: Int64 = 600

        func validate() throws {
            guard (0...2).contains(temperature) else {
                throw ValidationError("--temperature '\(temperature)' is not valid: expected 0 to 2")
            }
            guard (1...86_400).contains(timeout) else {
                throw ValidationError("--timeout '\(timeout)' is not valid: expected 1 to 86400")
            }
        }

        func run() async throws {
            let evaluator = try await Builtin.evaluator(name)
            let http = HTTPClient()
            let client = try OpenAIClient(baseURL: baseURL, model: model, apiKey: CommonOptions.apiKey, http: http)
            let id = TaskID(rawValue: task)
            let request = EvaluateRequest(
                taskID: id, seed: EvaluateRequest.seed(environment: evaluator.environment.name, taskID: id),
                model: model,
                temperature: temperature, timeout: .seconds(timeout), difficulty: difficulty)
            let result = try await evaluator.evaluate(request, chat: client)
            await http.close()
            try Output.record(result.evaluation.document, json: options.json)
            guard case .scored = result else { throw ExitCode.failure }
        }
    }
}

/// The environments that are built in, with a sandbox that was seen to work.
private enum Builtin {
    static func evaluator(_ name: String) async throws -> ReferenceEvaluator {
        guard let environment = ReferenceEnvironments.named(try EnvironmentName(name)) else {
            let known = ReferenceEnvironments.all.map(\.name.rawValue).joined(separator: ", ")
            throw CommandError("no environment '\(name)' is built in; there are \(known)")
        }
        let sandbox = Sandbox()
        try await sandbox.check()
        return ReferenceEvaluator(environment: environment, sandbox: sandbox)
    }
}
