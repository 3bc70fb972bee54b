import Synchronization

/// Something that has come about or not, and stays so.
final class Flag: Sendable {
    private let flag: Atomic<Bool>

    init(_ isSet: Bool = false) {
        flag = Atomic(isSet)
    }

    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}
