internal import Domain
internal import Postgres

internal import struct FoundationEssentials.UUID

/// Rows: the models that have work, in the order in which they should be served.
struct LoadOpenWork: Statement {
    static let sql = """
        SELECT model, revision, is_baseline, work_seconds, held_jobs, hands, failures, failed_seconds_ago, host_failures,
               is_ahead
        FROM affine.open_work($1, $2)
        """
    var worker: UUID
    var host: String

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(host)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> OpenWork {
        var work = try OpenWork(
            model: decodeModel(&row), isBaseline: row.next(), workSeconds: row.next(), heldJobs: row.next(),
            hands: row.next(), failures: row.next(), failedSecondsAgo: row.next(), hostFailures: row.next())
        work.isAhead = try row.next()
        return work
    }
}

/// Says what the worker's host serves or begins to load; nil: nothing.
struct Place: Statement {
    static let sql = "SELECT affine.place($1, $2, $3, $4)"
    var worker: UUID
    var host: String
    var model: ModelReference?

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(host)
        bindings.append(model?.repository)
        bindings.append(model?.revision)
    }
}

/// Keeps how loading a model went: of an instance once, whoever tells.
struct RecordLoad: Statement {
    static let sql = "SELECT affine.record_load($1, $2, $3, $4, $5, $6, $7, $8)"
    var worker: UUID
    var host: String
    var load: ModelLoad

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(host)
        bindings.append(load.model.repository)
        bindings.append(load.model.revision)
        bindings.append(load.isServed)
        bindings.append(Int32(clamping: load.duration.milliseconds))
        bindings.append(load.detail)
        bindings.append(load.instance)
    }
}

/// Models that live workers are placed on, with the name of the host for each.
struct ListPlacedModels: Statement {
    static let sql = "SELECT host, model, revision, workers FROM affine.placed_models($1)"
    /// For how long, beside their time to live, workers count that are silent.
    var silence: Duration

    func bind(_ bindings: inout Bindings) { bindings.append(silence / .seconds(1)) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> PlacedModel {
        let host: String = try row.next()
        return try PlacedModel(host: host, model: decodeModel(&row), workers: row.next())
    }
}

struct PlacedModel: Equatable, Sendable {
    var host: String
    var model: ModelReference
    /// At least 1.
    var workers: Int64
}

/// Takes `model, revision` of a row.
private func decodeModel(_ row: inout RowReader) throws(PostgresError) -> ModelReference {
    let (repository, revision): (String, String) = (try row.next(), try row.next())
    guard let model = try? ModelReference(repository: repository, revision: revision) else {
        throw PostgresError(.decoding, "'\(repository)@\(revision)' is no model")
    }
    return model
}
