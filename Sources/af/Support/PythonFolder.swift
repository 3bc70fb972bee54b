import FoundationEssentials

/// A folder with a Python environment of its own and a script of ours, made by an `install` under `deploy`.
enum PythonFolder {
    /// - Throws: `CommandError` that says how to make one.
    static func require(_ what: String, in folder: String, installedBy install: String) throws {
        guard FileManager.default.isExecutableFile(atPath: "\(folder)/venv/bin/python") else {
            throw CommandError("there is no \(what) in '\(folder)': run '\(install) \(folder)'")
        }
    }
}
