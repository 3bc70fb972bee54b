import ArgumentParser
import Logging

/// How much is logged, and how it looks.
struct LogOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Flag(help: "Log more, to standard error.")
    var verbose = false

    @Option(help: "How the log's lines look (or AFFINE_LOG_FORMAT).")
    var logFormat: Format?

    func validate() throws {
        guard logFormat == nil, let wanted = CommonOptions.logFormat, Format(rawValue: wanted) == nil else { return }
        throw ValidationError("AFFINE_LOG_FORMAT '\(wanted)' is not valid: expected text or json")
    }

    /// - Parameter level: What is logged without `--verbose`.
    func logger(at level: Logger.Level) -> Logger {
        let format = logFormat ?? CommonOptions.logFormat.flatMap(Format.init(rawValue:)) ?? .text
        var logger = Logger(label: "affine") { label in
            switch format {
            case .text: StreamLogHandler.standardError(label: label)
            case .json: JSONLogHandler()
            }
        }
        logger.logLevel = verbose ? .debug : level
        return logger
    }
}
