public import Glibc
internal import Processes

/// The processes of engines whose models lie in a folder, with all that they started.
public enum EngineProcesses {
    public static func of(models folder: String) -> Set<pid_t> {
        Set(ProcessTable.processes(withVariable: "HF_HOME").filter { $0.value.hasPrefix("\(folder)/") }.map(\.process))
    }

    /// The port of each one's engine, in no order.
    public static func ports(ofModels folder: String) -> [Int] {
        let processes = of(models: folder)
        return ProcessTable.processes(withVariable: "AFFINE_ENGINE_OWNER").filter { processes.contains($0.process) }
            .compactMap { $0.value.split(separator: " ").last.flatMap { Int($0) } }
    }

    /// Those of them that have this variable.
    public static func of(models folder: String, knowing variable: String) -> Set<pid_t> {
        of(models: folder).intersection(ProcessTable.processes(withVariable: variable).map(\.process))
    }
}
