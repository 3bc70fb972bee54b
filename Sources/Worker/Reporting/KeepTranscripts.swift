internal import Postgres

internal import struct FoundationEssentials.UUID

/// Stores the conversations of jobs that are about to be reported. Row: how many were stored.
struct KeepTranscripts: Statement {
    static let sql = "SELECT affine.keep_transcripts($1, $2, $3, $4, $5, $6, $7, $8)"
    /// Of one statement, about.
    private static let mostBytes = 4 << 20

    private let worker: UUID
    private var contents: [String] = []
    private var leases: [UUID] = []
    private var positions: [Int32] = []
    private var sizes: [Int64] = []
    private var cuts: [Bool] = []
    private var owners: [Int32] = []
    private var places: [Int32] = []
    private var known: [String: Int32] = [:]
    private var bytes = 0

    private init(worker: UUID) { self.worker = worker }

    /// In statements of bounded size; none when no report has a transcript.
    static func all(of reports: [JobReport], worker: UUID) -> [KeepTranscripts] {
        var statements: [KeepTranscripts] = []
        for report in reports {
            guard let transcript = report.transcript else { continue }
            if statements.last.map({ $0.bytes >= mostBytes }) ?? true { statements.append(Self(worker: worker)) }
            statements[statements.count - 1].add(transcript, of: report.job)
        }
        return statements
    }

    private mutating func add(_ transcript: Transcript, of job: Job) {
        leases.append(job.lease.id)
        positions.append(job.position)
        sizes.append(Int64(transcript.bytes))
        cuts.append(transcript.isCut)
        for message in transcript.messages {
            owners.append(Int32(leases.count))
            places.append(place(of: message))
        }
    }

    private mutating func place(of message: String) -> Int32 {
        if let place = known[message] { return place }
        contents.append(message)
        bytes += message.utf8.count
        known[message] = Int32(contents.count)
        return Int32(contents.count)
    }

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(contents)
        bindings.append(leases)
        bindings.append(positions)
        bindings.append(sizes)
        bindings.append(cuts)
        bindings.append(owners)
        bindings.append(places)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}
