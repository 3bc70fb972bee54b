internal import Digest
public import Domain

/// The seed that an environment's `evaluate` is given, the same for champion and challenger.
public enum EvaluationSeed {
    /// The first 8 bytes, big-endian, of SHA-256(`<environment>:<task id>`), modulo 2³².
    public static func derive(environment: EnvironmentName, task: TaskID) -> UInt32 {
        let bytes = SHA256Digest(of: "\(environment):\(task)").bytes
        return bytes[4..<8].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
