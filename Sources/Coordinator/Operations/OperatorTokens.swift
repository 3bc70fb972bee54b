internal import Digest
public import Domain
public import Postgres
internal import Records

/// What an operator's token allows.
public enum OperatorScope: String, CaseIterable, Sendable, Codable {
    /// Pause and resume the arena, have the pool drawn anew.
    case arena
    /// Have the running contest end as void.
    case contests
    /// End miners that wait, and take that back.
    case miners
}

/// Why a token does not do.
public enum OperatorTokenError: Error, Equatable, Sendable, CustomStringConvertible {
    case unknown
    case expired(name: String)
    case revoked(name: String)
    case lacksScope(name: String, OperatorScope)

    public var description: String {
        switch self {
        case .unknown: "the token is none of this arena's: 'af token create' makes one"
        case .expired(let name): "token '\(name)' has expired: 'af token create' makes another one"
        case .revoked(let name): "token '\(name)' was revoked"
        case .lacksScope(let name, let scope): "token '\(name)' lacks the scope '\(scope.rawValue)'"
        }
    }
}

/// The tokens that operators show to the API: each has a name, scopes and an end, and is stored as its digest alone.
public struct OperatorTokens: Sendable {
    /// In days.
    public static let lifetimes = 1...3_650

    private let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// Makes a token and returns it; it can't be shown again. It reads `affine.NAME.SECRET`, with 256 random bits.
    ///
    /// - Parameter days: Until it expires.
    /// - Throws: `InvalidValue` for a name that is taken or can't be one, for no scope, and for days out of `lifetimes`.
    public func create(
        _ name: String, scopes: Set<OperatorScope>, days: Int, reason: String, actor: String = "operator"
    ) async throws -> String {
        try ArenaControl.check(reason)
        guard name.wholeMatch(of: /[a-z0-9][a-z0-9-]{0,31}/) != nil else {
            throw InvalidValue(field: "name", value: name, expected: "1 to 32 of a-z, 0-9 and -, not beginning with -")
        }
        guard !scopes.isEmpty else {
            throw InvalidValue(
                field: "scope", value: "none",
                expected: "at least one of \(OperatorScope.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard Self.lifetimes.contains(days) else {
            throw InvalidValue(
                field: "expires-days", value: String(days),
                expected: "\(Self.lifetimes.lowerBound) to \(Self.lifetimes.upperBound)")
        }
        var random = SystemRandomNumberGenerator()
        let secret = SHA256Digest.hex((0..<32).map { _ in random.next() })
        let words = scopes.map(\.rawValue).sorted()
        try await database.transaction { session in
            guard try session.run(FindToken(name: name)).isEmpty else {
                throw InvalidValue(
                    field: "name", value: name, expected: "one that no token has or had ('af token list')")
            }
            _ = try session.run(
                InsertToken(name: name, digest: SHA256Digest(of: secret).bytes, scopes: words, days: Int32(days)))
            _ = try session.run(
                RecordEvent(
                    actor: actor, kind: "token.created", subject: name, reason: reason,
                    detail: #"{"scopes":"\#(words.joined(separator: " "))","days":\#(days)}"#))
        }
        return "affine.\(name).\(secret)"
    }

    /// From now on it does nothing.
    ///
    /// - Throws: `InvalidValue` for one that there is not, or that was revoked already.
    public func revoke(_ name: String, reason: String, actor: String = "operator") async throws {
        try ArenaControl.check(reason)
        try await database.transaction { session in
            guard try session.affectedRows(RevokeToken(name: name, reason: reason)) == 1 else {
                throw InvalidValue(
                    field: "name", value: name, expected: "a token that is not revoked yet ('af token list')")
            }
            _ = try session.run(RecordEvent(actor: actor, kind: "token.revoked", subject: name, reason: reason))
        }
    }

    /// Every token there ever was, without what could be shown as one.
    public func list() async throws -> [JSONValue] { try await database.run(ListTokens()) }

    /// The name of the token, if it is one and allows that.
    ///
    /// - Throws: `OperatorTokenError`, `PostgresError`.
    public func holder(of token: String, for scope: OperatorScope) async throws -> String {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[0] == "affine",
            let found = try await database.run(FindToken(name: parts[1])).first,
            let digest = SHA256Digest(bytes: found.digest),
            digest.isEqualInConstantTime(to: SHA256Digest(of: parts[2]))
        else { throw OperatorTokenError.unknown }
        if found.isRevoked { throw OperatorTokenError.revoked(name: parts[1]) }
        if found.isExpired { throw OperatorTokenError.expired(name: parts[1]) }
        guard found.scopes.contains(scope.rawValue) else {
            throw OperatorTokenError.lacksScope(name: parts[1], scope)
        }
        return parts[1]
    }
}

private struct FindToken: Statement {
    struct Found: Sendable {
        var digest: [UInt8]
        var scopes: [String]
        var isExpired: Bool
        var isRevoked: Bool
    }

    static let sql = """
        SELECT digest, scopes, expires_at <= clock_timestamp(), revoked_at IS NOT NULL FROM affine.operator_token WHERE name = $1
        """
    var name: String
    func bind(_ bindings: inout Bindings) { bindings.append(name) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Found {
        try Found(digest: row.next(), scopes: row.next(), isExpired: row.next(), isRevoked: row.next())
    }
}

private struct InsertToken: Statement {
    static let sql = """
        INSERT INTO affine.operator_token (name, digest, scopes, expires_at)
        VALUES ($1, $2, $3, clock_timestamp() + make_interval(days => $4))
        """
    var name: String
    var digest: [UInt8]
    var scopes: [String]
    var days: Int32

    func bind(_ bindings: inout Bindings) {
        bindings.append(name)
        bindings.append(digest)
        bindings.append(scopes)
        bindings.append(days)
    }
}

private struct RevokeToken: Statement {
    static let sql = """
        UPDATE affine.operator_token SET revoked_at = clock_timestamp(), revoked_reason = $2
        WHERE name = $1 AND revoked_at IS NULL
        """
    var name: String
    var reason: String

    func bind(_ bindings: inout Bindings) {
        bindings.append(name)
        bindings.append(reason)
    }
}

private struct ListTokens: JSONRows {
    static let sql = """
        SELECT jsonb_build_object('name', name, 'scopes', array_to_string(scopes, ' '), 'created_at', created_at,
            'expires_at', expires_at, 'state', CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
                WHEN expires_at <= clock_timestamp() THEN 'expired' ELSE 'valid' END, 'revoked_reason', revoked_reason)
        FROM affine.operator_token ORDER BY created_at
        """
}
