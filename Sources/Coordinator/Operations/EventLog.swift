internal import Postgres
internal import Records

/// Adds one row to the hash-chained log of what happened, who did it and why.
struct RecordEvent: Statement {
    static let sql =
        "INSERT INTO affine.event (actor, kind, subject, reason, detail) VALUES ($1, $2, $3, $4, $5::text::jsonb)"

    var actor = "coordinator"
    /// `noun.what_happened`, such as `contest.decided`.
    var kind: String
    var subject: String
    var reason = ""
    /// A JSON object.
    var detail = "{}"

    func bind(_ bindings: inout Bindings) {
        bindings.append(actor)
        bindings.append(kind)
        bindings.append(subject)
        bindings.append(reason)
        bindings.append(detail)
    }
}
