/// Integers, at two bytes each while at most 65,536 different ones have been written and at eight from then on. Scores of
/// most environments are few: 0 and 1, or a share of some number of tests.
struct PaletteArray: Sendable {
    private var storage: Storage

    private enum Storage: Sendable {
        case narrow(indices: [UInt16], palette: Palette)
        case wide([Int64])
    }

    init(repeating value: Int64, count: Int) {
        storage = .narrow(indices: [UInt16](repeating: 0, count: count), palette: Palette(first: value))
    }

    init(_ values: [Int64]) {
        self.init(repeating: values.first ?? 0, count: values.count)
        for (position, value) in values.enumerated() { self[position] = value }
    }

    var count: Int {
        switch storage {
        case .narrow(let indices, _): indices.count
        case .wide(let values): values.count
        }
    }

    subscript(position: Int) -> Int64 {
        get {
            switch storage {
            case .narrow(let indices, let palette): palette.values[Int(indices[position])]
            case .wide(let values): values[position]
            }
        }
        set {
            // What the storage holds is moved out while it changes, so that nothing is copied.
            switch exchange(&storage, with: .wide([])) {
            case .narrow(var indices, var palette):
                if let index = palette.index(of: newValue) {
                    indices[position] = index
                    storage = .narrow(indices: indices, palette: palette)
                } else {
                    var values = indices.map { palette.values[Int($0)] }
                    values[position] = newValue
                    storage = .wide(values)
                }
            case .wide(var values):
                values[position] = newValue
                storage = .wide(values)
            }
        }
    }
}

/// By what it holds: which values were written in between makes no difference.
extension PaletteArray: Hashable {
    static func == (left: PaletteArray, right: PaletteArray) -> Bool {
        left.count == right.count && (0..<left.count).allSatisfy { left[$0] == right[$0] }
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for position in 0..<count { hasher.combine(self[position]) }
    }
}

/// The different values of an array, each at its index.
private struct Palette {
    private(set) var values: [Int64]
    private var indices: [Int64: UInt16]

    init(first: Int64) {
        values = [first]
        indices = [first: 0]
    }

    /// Where the value is, from now on; nil when there is no room for it.
    mutating func index(of value: Int64) -> UInt16? {
        if let index = indices[value] { return index }
        guard let index = UInt16(exactly: values.count) else { return nil }
        values.append(value)
        indices[value] = index
        return index
    }
}
