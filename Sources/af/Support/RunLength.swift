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

    /// Nil for `auto`.
    var jobs: Int16? {
        switch self {
        case .auto: nil
        case .jobs(let jobs): jobs
        }
    }

    var defaultValueDescription: String { "auto" }
}
