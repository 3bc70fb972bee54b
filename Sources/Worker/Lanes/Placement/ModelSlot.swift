internal import Domain
internal import Synchronization

/// How loading a model ended.
struct ModelLoad: Equatable, Sendable {
    var model: ModelReference
    var isServed: Bool
    var duration: Duration
    /// Why it failed; empty when it did not.
    var detail: String
    /// Names what several workers wait for together, so that its end counts once; nil for what is one worker's own.
    var instance: String?
}

/// Serves whichever model its slot wants, one at a time. It outlives the sessions of its worker: a database that was away
/// does not cost a load.
protocol ModelHost: Sendable {
    var slot: ModelSlot { get }

    /// Until cancelled. Begins by looking for what workers that are gone have left behind.
    func run() async

    /// Called once the worker has stopped and `run` has ended.
    func finish() async
}

/// Where placement says which model is wanted, and what serves models says how that goes.
final class ModelSlot: Sendable {
    private struct State: Sendable {
        var wanted: ModelReference?
        var serving: Endpoint?
        var news: [ModelLoad] = []
        var loadSeconds: Double
        var restsUntil = ContinuousClock.now
    }

    /// As the queue knows it.
    let lane: String
    /// The name by which failures to load are counted.
    let host: String
    /// How long a model that has no work is kept; nil: until another one is wanted.
    let patience: Duration?
    /// One at least since what is wanted was last looked at and changed.
    let changes: AsyncStream<Void>
    private let change: AsyncStream<Void>.Continuation
    private let state: Mutex<State>

    /// - Parameter loadSeconds: What loading takes, as long as nothing was loaded.
    init(lane: String, host: String, patience: Duration? = nil, loadSeconds: Double) {
        self.lane = lane
        self.host = host
        self.patience = patience
        state = Mutex(State(loadSeconds: loadSeconds))
        (changes, change) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What is served, or being loaded.
    var wanted: ModelReference? { state.withLock(\.wanted) }

    /// Where the wanted model is served; nil while it is loaded.
    var endpoint: Endpoint? { state.withLock(\.serving) }

    /// What the last load took.
    var loadSeconds: Double { state.withLock(\.loadSeconds) }

    /// Whether nothing should be wanted for now.
    var isResting: Bool { state.withLock { .now < $0.restsUntil } }

    /// - Parameter model: nil to serve none.
    func want(_ model: ModelReference?) {
        state.withLock { state in
            state.wanted = model
            state.serving = nil
        }
        change.yield()
    }

    /// - Parameter isTypical: Whether the load took what loads take: one that found the model served already did not.
    func noteServed(
        _ model: ModelReference, at baseURL: String, after duration: Duration, instance: String? = nil,
        isTypical: Bool = true
    ) {
        state.withLock { state in
            guard state.wanted == model else { return }
            state.serving = Endpoint(model: model, baseURL: baseURL)
            if isTypical { state.loadSeconds = duration / .seconds(1) }
            state.news.append(
                ModelLoad(model: model, isServed: true, duration: duration, detail: "", instance: instance))
        }
    }

    /// The model is still wanted, but served no more.
    func noteLost(_ model: ModelReference) {
        state.withLock { state in
            if state.wanted == model { state.serving = nil }
        }
    }

    func noteFailed(_ model: ModelReference, after duration: Duration, _ detail: String, instance: String? = nil) {
        state.withLock { state in
            if state.wanted == model { (state.wanted, state.serving) = (nil, nil) }
            state.news.append(
                ModelLoad(
                    model: model, isServed: false, duration: duration, detail: detail.storable(2_000),
                    instance: instance))
        }
    }

    /// Gives the model back for no fault of its own, and takes none for a while.
    func giveBack(_ model: ModelReference, restingFor rest: Duration) {
        state.withLock { state in
            if state.wanted == model { (state.wanted, state.serving) = (nil, nil) }
            state.restsUntil = .now + rest
        }
    }

    /// How the earliest load ended that nobody was told of yet.
    var news: ModelLoad? { state.withLock(\.news.first) }

    /// The earliest news are known now.
    func dropNews() {
        state.withLock { _ = $0.news.removeFirst() }
    }
}
