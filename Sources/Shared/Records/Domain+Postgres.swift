public import Domain
public import Postgres

// How the words of the domain are stored: ids as `bigint`, names as `text`.
extension Identifier: PostgresEncodable, PostgresDecodable {}
extension EnvironmentName: PostgresEncodable, PostgresDecodable {}
extension Hotkey: PostgresEncodable, PostgresDecodable {}
