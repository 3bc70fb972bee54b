import Glibc

/// How many files and connections this process may have open.
enum OpenFiles {
    /// Raises the limit to what the machine allows, at most 65,536: the usual 1,024 are fewer than the listeners and calls
    /// that one process holds.
    static func raiseLimit() {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0, limit.rlim_cur < 65_536 else { return }
        limit.rlim_cur = min(limit.rlim_max, 65_536)
        // Should it fail, the limit stays what it was.
        _ = unsafe setrlimit(resource, &limit)
    }
}
