import Glibc

/// A small process that outlives this one and tidies up after it, however it ends.
///
/// It waits for the end of a pipe (a pair of sockets, closed in other children at once) that only this process holds open, which the kernel closes even after SIGKILL.
struct Cleaner {
    /// Runs `script` with `arguments` (`$1` …) in a shell once this process is gone.
    static func start(_ script: String, _ arguments: [String]) throws {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw TestServerError("no pipe: error \(errno)") }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        // Its own output must not keep open the pipe through which somebody reads ours.
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A process group of its own, so that an interrupt from the keyboard does not end it first.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var words = (["/bin/sh", "-c", "read -r _; " + script, "cleaner"] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var process = pid_t()
        let status = posix_spawn(&process, "/bin/sh", &actions, &attributes, words, environ)
        guard status == 0 else { throw TestServerError("no cleaner: error \(status)") }
    }
}
