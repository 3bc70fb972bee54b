/// What flows through a generated program.
enum Value: Hashable, Sendable {
    case integer(Int)
    /// Lower- and upper-case ASCII letters.
    case text(String)
    case list([Int])

    enum Kind: Hashable, Sendable, CaseIterable {
        case integer, text, list
    }

    var kind: Kind {
        switch self {
        case .integer: .integer
        case .text: .text
        case .list: .list
        }
    }

    /// The one line that stands for the value in a program's input, and that Python's `print` makes of it.
    var line: String {
        switch self {
        case .integer(let number): String(number)
        case .text(let text): text
        case .list(let numbers): numbers.map(String.init).joined(separator: " ")
        }
    }

    /// Small enough for readers, and far from where Swift's integers end and Python's do not.
    var isModest: Bool {
        switch self {
        case .integer(let number): number.magnitude < 1_000_000_000
        case .text(let text): text.utf8.count <= 40
        case .list(let numbers): numbers.count <= 24 && numbers.allSatisfy { $0.magnitude < 1_000_000_000 }
        }
    }

    /// Whether a line can carry it: the empty text and the empty list print nothing.
    var isVisible: Bool { !line.isEmpty }
}

/// Division as Python does it: rounded towards minus infinity.
enum PythonMath {
    static func quotient(_ left: Int, _ right: Int) -> Int {
        let quotient = left / right
        return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient
    }

    static func remainder(_ left: Int, _ right: Int) -> Int {
        let remainder = left % right
        return remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder
    }
}
