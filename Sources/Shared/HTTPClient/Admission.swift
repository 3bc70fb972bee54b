/// Who may use a connection now: a bound per origin and one over all, first come first served within them.
///
/// The bounds are kept here rather than by libcurl because its own waiting transfers have no deadline.
package struct Admission {
    private struct Place {
        let origin: String
        var isRunning: Bool
    }

    private let perOrigin: Int
    private let total: Int
    private var places: [UInt64: Place] = [:]
    /// Never holds an empty list.
    private var waiting: [String: [UInt64]] = [:]
    private var running: [String: Int] = [:]
    private var runningTotal = 0

    package init(perOrigin: Int, total: Int) {
        self.perOrigin = perOrigin
        self.total = total
    }

    /// Puts a transfer behind all others; ids grow with every call.
    package mutating func enter(_ id: UInt64, origin: String) {
        places[id] = Place(origin: origin, isRunning: false)
        waiting[origin, default: []].append(id)
    }

    /// Admits the oldest transfer for which there is room.
    package mutating func next() -> UInt64? {
        guard runningTotal < total else { return nil }
        let open = waiting.filter { running[$0.key, default: 0] < perOrigin }
        guard let id = open.compactMap(\.value.first).min(), let origin = places[id]?.origin else { return nil }
        stopWaiting(id, origin: origin)
        places[id]?.isRunning = true
        running[origin, default: 0] += 1
        runningTotal += 1
        return id
    }

    /// Forgets a transfer, waiting or running.
    package mutating func leave(_ id: UInt64) {
        guard let place = places.removeValue(forKey: id) else { return }
        guard place.isRunning else { return stopWaiting(id, origin: place.origin) }
        let left = running[place.origin, default: 1] - 1
        running[place.origin] = left == 0 ? nil : left
        runningTotal -= 1
    }

    private mutating func stopWaiting(_ id: UInt64, origin: String) {
        guard var ids = waiting.removeValue(forKey: origin) else { return }
        if let index = ids.firstIndex(of: id) { ids.remove(at: index) }
        if !ids.isEmpty { waiting[origin] = ids }
    }
}
