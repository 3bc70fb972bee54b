import Domain
import FoundationEssentials
import Glibc

/// Prints rows as JSON, CSV or an aligned table.
enum Output {
    /// Characters on a line, for text that is laid out: as `COLUMNS` says, or 100.
    static var width: Int { max(40, CommonOptions.columns ?? 100) }

    /// A line that is seen at once, also through a pipe.
    static func line(_ text: String) {
        print(text)
        fflush(nil)
    }

    /// One JSON document, keys sorted, on one line.
    static func json(_ value: some Encodable) throws {
        line(try value.jsonText())
    }

    /// - Parameter columns: The members to show in a table, in order; JSON and CSV show all.
    static func rows(_ rows: [JSONValue], columns: [String], as format: ListFormat, empty: String) throws {
        switch format {
        case .json: try json(rows)
        case .csv: print(try CSV.text(rows, columns: columns), terminator: "")
        case .table where rows.isEmpty: print(empty)
        case .table: table([columns] + rows.map { row in columns.map { text(row[$0]) } })
        }
    }

    static func record(_ row: JSONValue, json: Bool) throws {
        if json { return try Self.json(row) }
        guard case .object(let members) = row else { return print(text(row)) }
        let width = members.keys.map(\.count).max() ?? 0
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            print(pad(key, to: width) + "  " + text(value))
        }
    }

    static func table(_ lines: [[String]]) {
        let columns = lines.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        for line in lines {
            let padded = zip(line, widths).map { pad($0, to: $1) }.joined(separator: "  ")
            print(String(padded.reversed().drop { $0 == " " }.reversed()))
        }
    }

    static func pad(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static func text(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null: "-"
        case .bool(let value): value ? "yes" : "no"
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .string(let value): value.isEmpty ? "-" : value
        case .array(let values): values.map { text($0) }.joined(separator: "; ")
        case .object(let members):
            members.sorted { $0.key < $1.key }.map { "\($0.key)=\(text($0.value))" }.joined(separator: " ")
        }
    }
}
