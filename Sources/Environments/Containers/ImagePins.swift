internal import Domain
internal import Synchronization

/// Which image each reference means to this process: resolved once, so that a tag that is moved changes nothing.
final class ImagePins: Sendable {
    private let engine: ContainerEngine
    private let pins = Mutex<[String: String]>([:])

    init(engine: ContainerEngine) {
        self.engine = engine
    }

    /// The id of the image, which is pulled if the engine does not hold it.
    ///
    /// - Throws: `imageMismatch` when what is there is not what is pinned; `imageMissing` when nothing can be had.
    func id(of text: String, for environment: EnvironmentName) async throws(ContainerError) -> String {
        let reference: ImageReference
        do { reference = try ImageReference(text) } catch {
            throw ContainerError(.imageMissing, "environment \(environment): \(error)")
        }
        let pin = pins.withLock { $0[text] }
        if let pin, try await engine.image(pin) != nil { return pin }
        let image = try await find(reference)
        if let digest = reference.digest, !image.isNamed(by: digest) { throw mismatch(reference, digest, image) }
        if let pin, image.id != pin { throw mismatch(reference, pin, image) }
        pins.withLock { $0[text] = image.id }
        return image.id
    }

    private func find(_ reference: ImageReference) async throws(ContainerError) -> EngineImage {
        guard let name = reference.name else {
            if let digest = reference.digest, let image = try await engine.image(digest) { return image }
            throw ContainerError(
                .imageMissing,
                "container engine at \(engine.address) has no image \(reference), and an id can't be pulled: load it there"
            )
        }
        // With a digest the tag says nothing more, and some engines refuse to be told both.
        let version = reference.digest ?? reference.tag ?? "latest"
        let full = name + (reference.digest == nil ? ":" : "@") + version
        if let image = try await engine.image(full) { return image }
        if let digest = reference.digest, let image = try await engine.image(digest) { return image }
        do { try await engine.pull(name: name, version: version) } catch {
            // The name may be held with other content, which is worth more to know than why the registry refused.
            if let digest = reference.digest, let other = try await engine.image("\(name):\(reference.tag ?? "latest")")
            {
                throw mismatch(reference, digest, other)
            }
            throw error
        }
        if let image = try await engine.image(full) { return image }
        throw ContainerError(
            .imageMissing,
            "container engine at \(engine.address) pulled \(full) and yet does not have it: look at its log")
    }

    private func mismatch(_ reference: ImageReference, _ pinned: String, _ image: EngineImage) -> ContainerError {
        let found = ([image.id] + (image.repoDigests ?? [])).joined(separator: ", ")
        return ContainerError(
            .imageMismatch,
            "container engine at \(engine.address): image \(reference) is pinned to \(pinned), but what is there is \(found); "
                + "load the pinned one, or define the environment with the digest that is meant")
    }
}
