import ArgumentParser
import Coordinator
import Domain
import Environments

extension EnvironmentCommand {
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add environments from a file, or change them for the windows to come.",
            discussion: """
                The file is YAML or JSON and holds one definition or several; docs/environments.md lists the fields. With \
                --known the name is that of a definition which ships with the program; without a name these are listed.
                """)
        @OptionGroup var options: CommonOptions
        @Flag(help: "Add a definition that ships with the program, or list those.")
        var known = false
        @Argument(help: "The file; with --known the environment's name.")
        var source: String?

        func validate() throws {
            guard known || source != nil else {
                throw ValidationError("name the file of the definitions, or give --known")
            }
        }

        func run() async throws {
            guard let source else { return try list(EnvironmentFile.known()) }
            try await EnvironmentCommand.define(try known ? [named(source)] : read(source), options)
        }

        private func list(_ definitions: [EnvironmentDefinition]) throws {
            let rows = definitions.map { definition in
                JSONValue.object([
                    "name": .string(definition.name.rawValue), "image": .string(definition.container?.image ?? ""),
                    "memory_mib": .integer((definition.container?.memoryBytes ?? 0) >> 20),
                    "sampling_count": .integer(Int64(definition.samplingCount)),
                    "timeout_seconds": .integer(definition.timeout.components.seconds),
                ])
            }
            try Output.rows(
                rows, columns: ["name", "image", "memory_mib", "sampling_count", "timeout_seconds"],
                as: options.json ? .json : .table,
                empty: "no definition ships with the program")
        }

        private func named(_ name: String) throws -> EnvironmentDefinition {
            let all = try EnvironmentFile.known()
            guard let definition = all.first(where: { $0.name.rawValue == name }) else {
                let names = all.map(\.name.rawValue)
                let nearest = Spelling.nearest(to: name, of: names).map { "; did you mean '\($0)'?" } ?? ""
                throw CommandError(
                    "no definition of '\(name)' ships with the program; there are \(names.joined(separator: ", "))\(nearest)"
                )
            }
            return definition
        }

        private func read(_ path: String) throws -> [EnvironmentDefinition] {
            let definitions = try EnvironmentFile.read(InputFile.read(path), from: path)
            for definition in definitions where definition.kind == .builtin {
                try EnvironmentCommand.checkBuiltin(
                    definition.name, "kinds 'url' and 'container' are for others", in: path)
            }
            return definitions
        }
    }

    /// - Throws: `CommandError` when no environment of that name is built in, with what to do about it.
    static func checkBuiltin(_ name: EnvironmentName, _ advice: String, in file: String? = nil) throws {
        guard ReferenceEnvironments.named(name) == nil else { return }
        let known = ReferenceEnvironments.all.map(\.name.rawValue).joined(separator: ", ")
        throw CommandError(
            "\(file.map { $0 + ": " } ?? "")no environment '\(name)' is built in (there are \(known)): \(advice)")
    }

    /// Stores definitions and prints what is now said of them.
    static func define(_ definitions: [EnvironmentDefinition], _ options: CommonOptions) async throws {
        try await Backend.with(options) { backend in
            try await EnvironmentCatalogue(database: backend.database).define(definitions, actor: "operator")
            let names = Set(definitions.map(\.name.rawValue))
            for row in try await Reports(database: backend.database).environments()
            where names.contains(row["name"]?.stringValue ?? "") {
                try Output.record(row, json: options.json)
            }
        }
    }
}
