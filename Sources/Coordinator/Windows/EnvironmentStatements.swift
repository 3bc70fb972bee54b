internal import Domain
internal import Postgres
internal import Records
internal import Rules

/// One row when there is such an environment, with tasks of its own.
struct FindSource: Statement {
    static let sql = "SELECT id FROM affine.environment WHERE name = $1 AND derived_from IS NULL"
    var name: EnvironmentName
    func bind(_ bindings: inout Bindings) { bindings.append(name) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int16 { try row.next() }
}

struct UpsertEnvironment: Statement {
    static let sql = """
        INSERT INTO affine.environment (name, kind, base_url, lo_nano, hi_nano, margin_nano, sampling_count, dataset_ranges,
                                        timeout_ms, max_attempts, run_length, parameters, selection, temperature, cluster_span, range_source,
                                        range_field, container, derived_from, token_budget, tolerance_nano, additive_tolerance_nano)
        SELECT $1, $2, $3, $4, $5, $6, $7, (SELECT range_agg(int8range(l, u)) FROM unnest($8::int8[], $9::int8[]) AS r (l, u)),
               $10, $11, $12, $13::text::jsonb, $14, $15, $16, $17, $18, $19::text::jsonb,
               (SELECT id FROM affine.environment WHERE name = $20), $21, $22, $23
        ON CONFLICT (name) DO UPDATE SET
            kind = excluded.kind, base_url = excluded.base_url, lo_nano = excluded.lo_nano, hi_nano = excluded.hi_nano,
            margin_nano = excluded.margin_nano, sampling_count = excluded.sampling_count,
            dataset_ranges = excluded.dataset_ranges, timeout_ms = excluded.timeout_ms,
            max_attempts = excluded.max_attempts, run_length = excluded.run_length, parameters = excluded.parameters,
            selection = excluded.selection, temperature = excluded.temperature,
            container = excluded.container, cluster_span = excluded.cluster_span, range_source = excluded.range_source, range_field = excluded.range_field,
            derived_from = excluded.derived_from, token_budget = excluded.token_budget,
            tolerance_nano = excluded.tolerance_nano, additive_tolerance_nano = excluded.additive_tolerance_nano,
            range_checked_at = NULL, range_problem = '', enabled = true
        """
    var definition: EnvironmentDefinition
    var parameters: String
    var container: String?

    func bind(_ bindings: inout Bindings) {
        bindings.append(definition.name)
        bindings.append(definition.kind.rawValue)
        bindings.append(definition.baseURL)
        bindings.append(definition.bounds.lo.nano)
        bindings.append(definition.bounds.hi.nano)
        bindings.append(definition.margin.nano)
        bindings.append(definition.samplingCount)
        bindings.append(definition.datasetRanges.map(\.lowerBound))
        bindings.append(definition.datasetRanges.map(\.upperBound))
        bindings.append(
            Int32(
                clamping: definition.timeout.components.seconds * 1_000 + definition.timeout.components.attoseconds
                    / 1_000_000_000_000_000))
        bindings.append(definition.maximumAttempts)
        bindings.append(definition.runLength)
        bindings.append(parameters)
        bindings.append(definition.selection.rawValue)
        bindings.append(definition.temperature)
        bindings.append(definition.clusterSpan)
        bindings.append(definition.rangeSource?.url)
        bindings.append(definition.rangeSource?.field)
        bindings.append(container)
        bindings.append(definition.derived?.source)
        bindings.append(definition.derived.map { Int32(clamping: $0.tokenBudget) })
        let (part, distance): (Score?, Score?) =
            switch definition.tolerance {
            case .multiplicative(let part): (part, nil)
            case .additive(let distance): (nil, distance)
            case nil: (nil, nil)
            }
        bindings.append(part?.nano)
        bindings.append(distance?.nano)
    }
}
