import Glibc

/// `openssl s_server` with a fresh certificate for 127.0.0.1 that it has signed itself; ends with its last reference.
final class TLSServer: Sendable {
    struct Failure: Error {
        let what: String
    }

    let port: Int
    let certificateFile: String
    private let folder: String
    private let process: pid_t

    init() throws {
        var template = Array("/tmp/tls-server-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(what: "no folder") }
        folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        certificateFile = folder + "/certificate.pem"
        let key = folder + "/key.pem"
        let (maker, _) = try Self.spawn([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-keyout", key, "-out", certificateFile, "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
        ])
        var status: Int32 = 0
        guard waitpid(maker, &status, 0) == maker, status == 0 else { throw Failure(what: "no certificate") }
        let (process, output) = try Self.spawn([
            "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-naccept", "100", "-key", key,
            "-cert", certificateFile,
        ])
        self.process = process
        port = try Self.port(in: output)
    }

    deinit {
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        for file in ["key.pem", "certificate.pem"] { unlink("\(folder)/\(file)") }
        rmdir(folder)
    }

    /// Reads up to the line `ACCEPT 127.0.0.1:port`, with which the server says that it listens.
    private static func port(in output: Int32) throws -> Int {
        defer { close(output) }
        var text: [UInt8] = []
        var byte: UInt8 = 0
        while read(output, &byte, 1) == 1 {
            guard byte == 0x0A else {
                text.append(byte)
                continue
            }
            let line = String(decoding: text, as: UTF8.self)
            if line.hasPrefix("ACCEPT"), let port = line.split(separator: ":").last.flatMap({ Int($0) }) { return port }
            text = []
        }
        throw Failure(what: "the server does not listen")
    }

    private static func spawn(_ arguments: [String]) throws -> (process: pid_t, output: Int32) {
        var pipes: [Int32] = [0, 0]
        guard pipe2(&pipes) else { throw Failure(what: "no pipe") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var words = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        var process: pid_t = 0
        let status = posix_spawnp(&process, arguments[0], &actions, nil, words, environ)
        close(pipes[1])
        guard status == 0 else { throw Failure(what: "\(arguments[0]) does not start: error \(status)") }
        return (process, pipes[0])
    }

    private static func pipe2(_ pipes: inout [Int32]) -> Bool {
        pipe(&pipes) == 0 && pipes.allSatisfy { fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }
    }
}
