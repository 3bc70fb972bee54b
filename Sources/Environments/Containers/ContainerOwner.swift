internal import Domain
internal import Processes

/// Whose containers are whose: labels that outlive the process that wrote them.
struct ContainerOwner: Sendable {
    static let workerLabel = "affine.worker"
    static let hostLabel = "affine.host"
    static let processLabel = "affine.process"
    static let environmentLabel = "affine.environment"
    static let imageLabel = "affine.image"

    /// Minted at each start.
    let id: String
    let process: ProcessIdentity?

    func labels(for key: ContainerKey, image: String) -> [String: String] {
        [
            Self.workerLabel: id, Self.hostLabel: ThisMachine.name, Self.processLabel: process?.label ?? "",
            Self.environmentLabel: key.environment.rawValue, Self.imageLabel: image,
        ]
    }

    func standing(ofOwnerOf container: ListedContainer) -> ProcessIdentity.Standing {
        guard let observer = ProcessIdentity.current,
            let owner = container.labels[Self.processLabel].flatMap(ProcessIdentity.init(label:))
        else {
            return .unknown
        }
        return owner.standing(seenBy: observer)
    }
}
