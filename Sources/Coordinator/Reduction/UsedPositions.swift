internal import Domain
internal import Postgres
internal import Records

/// Which of the challenger's jobs in one environment a contest looked at.
struct UsedPositions: Sendable {
    let environment: Int16
    /// Half-open ranges in ascending order, none touching the next.
    private(set) var lower: [Int32]
    private(set) var upper: [Int32]

    init(environment: Int16, lower: [Int32] = [], upper: [Int32] = []) {
        self.environment = environment
        self.lower = lower
        self.upper = upper
    }

    /// Adds positions above all that are in it, in any order.
    mutating func append(_ positions: [Int32]) {
        for position in positions.sorted() {
            if upper.last == position {
                upper[upper.count - 1] += 1
            } else {
                lower.append(position)
                upper.append(position + 1)
            }
        }
    }

    func contains(_ position: Int32) -> Bool {
        var (low, high) = (0, lower.count)
        while low < high {
            let middle = low + (high - low) / 2
            if lower[middle] <= position { low = middle + 1 } else { high = middle }
        }
        return low > 0 && position < upper[low - 1]
    }
}

/// Of a contest that is over.
struct LoadUsed: Statement {
    static let sql = """
        SELECT environment, ARRAY(SELECT lower(r) FROM unnest(used) AS r ORDER BY 1),
               ARRAY(SELECT upper(r) FROM unnest(used) AS r ORDER BY 1)
        FROM affine.contest_environment WHERE contest = $1
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> UsedPositions {
        try UsedPositions(environment: row.next(), lower: row.next(), upper: row.next())
    }
}
