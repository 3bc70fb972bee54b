import ArgumentParser

/// How many jobs the planner puts into a run.
enum RunLength: ExpressibleByArgument {
    /// By what jobs are measured to take.
    case auto
    case jobs(Int16)

    init?(argument: String) {
        if argument == "auto" {
            self = .auto
        } else if let jobs = Int16(argument) {
            self = .jobs(jobs)
        } else {
            return nil
        }
    }

    /// - Throws: `ValidationError` naming the option, for a number that no environment may have.
    func check() throws {
        if let jobs, !(1...1_000).contains(jobs) {
            throw ValidationError("--run-length '\(jobs)' is not valid: expected auto, or 1 to 1000")
        }
    }

    /// Nil for `auto`.
    var jobs: Int16? {
        switch self {
        case .auto: nil
        case .jobs(let jobs): jobs
        }
    }

    var defaultValueDescription: String { "auto" }
}
