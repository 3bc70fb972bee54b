public import Domain
internal import Foundation
internal import Subprocess
internal import SystemPackage

/// A folder as `deploy/hub-client/install` makes it, with the official client, and beside it a hub in memory that it asks.
public struct HubFolder: Sendable {
    public let path: String
    /// The hub's address.
    public let url: String

    /// Serves a hub until `body` returns.
    ///
    /// - Parameter state: As `stand_in.py` reads it.
    public static func serving<Value: Sendable>(
        _ state: String, _ body: @escaping @Sendable (HubFolder) async throws -> Value
    ) async throws -> Value {
        let path = "\(FileManager.default.temporaryDirectory.path)/hub-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, place) in [("venv", ".build/hub-client/venv"), ("hub.py", "deploy/hub-client/hub.py")] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(path)/\(name)", withDestinationPath: Checkout.path(place))
        }
        try state.write(toFile: "\(path)/state.json", atomically: true, encoding: .utf8)
        let served = try await Subprocess.run(
            .path(FilePath("\(path)/venv/bin/python")),
            arguments: [Checkout.path("deploy/hub-client/tests/stand_in.py"), "\(path)/state.json"],
            input: .none, output: .sequence,
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
        ) { hub in
            var said = ""
            for try await chunk in hub.standardOutput {
                said += chunk.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                if said.hasSuffix("\n") { break }
            }
            let folder = HubFolder(path: path, url: said.trimmingCharacters(in: .newlines))
            let result: Result<Value, any Error>
            do { result = .success(try await body(folder)) } catch { result = .failure(error) }
            try hub.send(signal: .terminate)
            return result
        }
        try FileManager.default.removeItem(atPath: path)
        return try served.closureResult.get()
    }

    public func write(_ state: String) throws {
        try state.write(toFile: "\(path)/state.json", atomically: true, encoding: .utf8)
    }

    /// With what was uploaded and asked.
    public var state: JSONValue {
        get throws {
            try JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: URL(filePath: "\(path)/state.json")))
        }
    }

    /// What was asked, such as `GET /api/models/owner/name`.
    public var requests: [String] {
        get throws { try state["log"]?.arrayValue?.compactMap(\.stringValue) ?? [] }
    }
}
