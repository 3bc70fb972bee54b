/// The command line that puts a program into its box, and the first Python code that runs there.
enum SandboxCommand {
    /// Written to standard output by the launcher just before it hands over: whatever comes after it is the program's
    /// doing, and if it is missing the program never ran. The program runs later, so it can't forge either.
    static let startMark: UInt8 = 0x06

    /// Runs as a small shell script, so that under memory pressure the kernel ends the box before anything else.
    static let shell = "/bin/sh"

    static func arguments(bubblewrap: String, python: String, limits: SandboxLimits, isRoot: Bool) -> [String] {
        ["-c", "echo 1000 2>/dev/null >/proc/self/oom_score_adj; exec \"$@\"", "sh"] + (isRoot ? asNobody : [])
            + [bubblewrap] + isolation + ["--", python, "-s", "-S", "-B", "-c", launcher(limits)]
    }

    /// The kernel never limits the number of root's processes, not even inside a user namespace. The change of user is
    /// left to a program: asked of Subprocess, it happens between clone and exec, where glibc can wait for ever on a
    /// lock that another thread held at that moment (seen with swift-subprocess 1.0.2).
    private static let asNobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    /// Nothing of the machine but the interpreter: no network, no home, no `/etc`, no `/proc`, no shared memory folder.
    /// `-I` of Python is not used because it would also ignore the fixed hash seed; in here there is nothing to ignore.
    private static let isolation: [String] = [
        ["--unshare-all", "--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534"],
        ["--hostname", "sandbox", "--new-session", "--die-with-parent", "--cap-drop", "ALL"],
        ["--ro-bind", "/usr/bin", "/usr/bin", "--ro-bind", "/usr/lib", "/usr/lib"],
        ["--ro-bind-try", "/usr/lib64", "/usr/lib64"],
        ["--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"],
        ["--dir", "/dev", "--dev-bind", "/dev/null", "/dev/null", "--dev-bind", "/dev/urandom", "/dev/urandom"],
        ["--size", "16777216", "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/tmp", "--clearenv"],
        ["--setenv", "PATH", "/usr/bin", "--setenv", "LC_ALL", "C.UTF-8"],
        ["--setenv", "PYTHONHASHSEED", "0", "--setenv", "PYTHONUTF8", "1"],
    ].flatMap { $0 }

    /// Reads program and input from standard input, so that neither touches a disk, then becomes the program. Its input
    /// is an anonymous file: a program that never reads can't make the writer wait.
    private static func launcher(_ limits: SandboxLimits) -> String {
        """
        import os, resource, sys
        data = b''
        while chunk := os.read(0, 65536):
            data += chunk
        head, _, rest = data.partition(b'\\n')
        source, data = rest[:int(head)], rest[int(head):]
        descriptor = os.memfd_create('input')
        while data:
            data = data[os.write(descriptor, data):]
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.dup2(descriptor, 0)
        os.close(descriptor)
        for name, soft, hard in (
            ('AS', \(limits.memoryBytes), \(limits.memoryBytes)),
            ('CPU', \(limits.processorSeconds), \(limits.processorSeconds + 1)),
            ('NPROC', \(limits.processes), \(limits.processes)),
            ('FSIZE', 1048576, 1048576), ('NOFILE', 64, 64), ('CORE', 0, 0)):
            resource.setrlimit(getattr(resource, 'RLIMIT_' + name), (soft, hard))
        sys.argv = ['program.py']
        scope = {'__name__': '__main__', '__builtins__': __builtins__}
        os.write(1, b'\\x06')
        exec(compile(source, 'program.py', 'exec'), scope)
        """
    }
}
