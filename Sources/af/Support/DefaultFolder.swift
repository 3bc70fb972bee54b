import Glibc

/// Where the private cluster lives unless told otherwise.
enum DefaultFolder {
    /// `/var/lib/affine` for root, whose server runs as another user and can't enter root's home; else the user's data folder.
    static func path(home: String?, dataHome: String?) -> String {
        if geteuid() == 0 { return "/var/lib/affine" }
        return (dataHome ?? (home ?? ".") + "/.local/share") + "/affine"
    }
}
