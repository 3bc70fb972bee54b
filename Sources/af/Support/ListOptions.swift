import ArgumentParser

/// How a list is printed.
enum ListFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json, csv
}

/// What every command takes that prints a list.
struct ListOptions: ParsableArguments {
    @OptionGroup var common: CommonOptions

    @Option(help: "How to print the list; --json is the same as --output json.")
    var output: ListFormat?

    var format: ListFormat { common.json ? .json : output ?? .table }

    func validate() throws {
        guard !common.json || output == nil || output == .json else {
            throw ValidationError(
                "--json and --output \(output?.rawValue ?? "") contradict each other: leave one of them out")
        }
    }
}
