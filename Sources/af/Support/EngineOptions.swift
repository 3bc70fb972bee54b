import ArgumentParser
import Processes
import Worker

/// How a worker runs an engine of its own, which serves whichever model has work.
struct EngineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Start this engine on this machine and let it serve whichever model has work: sglang, vllm, llama.cpp, or a command.",
            discussion: """
                A command's words are separated by blanks; {model} {revision} {host} {port} {gpus} {gpu_count} and {folder}, \
                the model's folder in the cache, stand for what the worker knows.
                """))
    var engine: String?

    @Option(help: "The GPUs of the engine, as CUDA_VISIBLE_DEVICES names them: 0,1.")
    var gpus = ""

    @Option(help: "The port of the engine; workers on one machine need one each.")
    var enginePort = 30_000

    @Option(help: "The address of the engine: environments on other machines need one that they reach.")
    var engineAddress = "127.0.0.1"

    @Option(help: "This machine's name, by which failures to load a model are counted; its host name unless given.")
    var engineHost: String?

    @Option(help: "A folder for models (default: models in the data folder).")
    var modelCache: String?

    @Option(help: "GiB that models may take on disk; the least recently used make room.")
    var modelCacheSize: Int64 = 500

    @Option(help: "Seconds until a model has to be served.")
    var loadTimeout: Int64 = 1_800

    func validate() throws {
        guard (1...65_535).contains(enginePort) else {
            throw ValidationError("--engine-port '\(enginePort)' is not valid: expected 1 to 65535")
        }
        guard (1...1_000_000).contains(modelCacheSize) else {
            throw ValidationError("--model-cache-size '\(modelCacheSize)' is not valid: expected 1 to 1000000")
        }
        guard (1...86_400).contains(loadTimeout) else {
            throw ValidationError("--load-timeout '\(loadTimeout)' is not valid: expected 1 to 86400")
        }
    }

    /// Nil unless an engine is asked for.
    ///
    /// - Throws: `InvalidValue` naming what is wrong with the engine.
    func settings() throws -> EngineSettings? {
        guard let engine else { return nil }
        let place = EnginePlace(
            host: engineHost ?? ThisMachine.name, address: engineAddress, port: enginePort,
            gpus: gpus.split(separator: ",").map(String.init))
        return EngineSettings(
            template: try EngineTemplate(engine), place: place,
            cacheFolder: modelCache ?? CommonOptions.defaultDataFolder + "/models",
            cacheBytes: modelCacheSize << 30, loadTimeout: .seconds(loadTimeout))
    }
}
