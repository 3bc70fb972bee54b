/// Turns how a program ended into a grade.
enum OutputCheck {
    /// Right only if the program ended well, with exit code 0, and printed what was wanted.
    static func compare(_ result: SandboxResult, with wanted: String) -> Grade {
        switch result {
        case .timedOut: .wrong("the program did not end in time")
        case .outputTooLarge: .wrong("the program printed too much")
        case .killed(let signal): .wrong("the program was ended by signal \(signal)")
        case .finished(_, let stderr, let exitCode) where exitCode != 0:
            .wrong("exit code \(exitCode): \(TextTools.excerpt(stderr))")
        case .finished(let stdout, _, _):
            switch TextTools.comparable(stdout) {
            case nil: .wrong("printed bytes that are no UTF-8")
            case TextTools.comparable(wanted): .right("printed what was wanted")
            case let printed?:
                .wrong("printed \"\(TextTools.excerpt(printed))\", expected \"\(TextTools.excerpt(wanted))\"")
            }
        }
    }
}
