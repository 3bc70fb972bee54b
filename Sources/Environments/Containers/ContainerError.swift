/// Why a container could not be had. The detail names engine, image and what to do next, and never a secret.
package struct ContainerError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case engineUnreachable = "engine_unreachable"
        /// The engine answered, with a status that says no.
        case engineRefused = "engine_refused"
        case imageMissing = "image_missing"
        /// An image of that name is there, but not the one that is pinned.
        case imageMismatch = "image_mismatch"
        case secretMissing = "secret_missing"
        /// It ended, or its server did not become healthy in time.
        case startFailed = "start_failed"
        case cancelled
    }

    package let code: Code
    package let detail: String

    init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    package var description: String { detail }
}
