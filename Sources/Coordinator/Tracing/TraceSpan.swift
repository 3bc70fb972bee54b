internal import Digest
internal import Domain

/// A span as OpenTelemetry's protocol has it in JSON (OTLP 1, `Span`): identifiers in hexadecimal, times in nanoseconds
/// since 1970, whole numbers as text.
struct TraceSpan {
    /// What a span is known by. The same subject has the same identifiers whenever it is exported.
    struct ID {
        /// 16 bytes, hexadecimal.
        let trace: String
        /// 8 bytes, hexadecimal.
        let span: String

        /// - Parameter subject: What the trace is of.
        init(traceOf subject: String) {
            let digest = SHA256Digest(of: "affine trace \(subject)").hex
            (trace, span) = (String(digest.prefix(32)), String(digest.suffix(16)))
        }

        private init(trace: String, span: String) { (self.trace, self.span) = (trace, span) }

        /// A span below this one.
        func below(_ name: String) -> ID {
            ID(trace: trace, span: String(SHA256Digest(of: "\(trace) \(span) \(name)").hex.prefix(16)))
        }
    }

    var id: ID
    var parent: ID?
    var name: String
    /// Nanoseconds since 1970.
    var start: Int64
    var end: Int64
    var attributes: [String: JSONValue]
    /// What went wrong; nil for a span that went well.
    var error: String?
    /// A span of another trace that this one has to do with.
    var link: ID?

    var json: JSONValue {
        var members: [String: JSONValue] = [
            "traceId": .string(id.trace), "spanId": .string(id.span), "name": .string(name), "kind": .integer(1),
            "startTimeUnixNano": .string("\(start)"), "endTimeUnixNano": .string("\(max(start, end))"),
            "attributes": Self.attributes(attributes),
        ]
        if let parent { members["parentSpanId"] = .string(parent.span) }
        if let error { members["status"] = .object(["code": .integer(2), "message": .string(error)]) }
        if let link {
            members["links"] = .array([.object(["traceId": .string(link.trace), "spanId": .string(link.span)])])
        }
        return .object(members)
    }

    /// One `ExportTraceServiceRequest`.
    ///
    /// - Parameter service: What made the spans, as `service.name`.
    static func request(_ spans: [TraceSpan], service: String, instance: String? = nil) -> JSONValue {
        var resource: [String: JSONValue] = ["service.name": .string(service)]
        if let instance { resource["service.instance.id"] = .string(instance) }
        let scope: JSONValue = .object([
            "scope": .object(["name": .string("affine")]), "spans": .array(spans.map(\.json)),
        ])
        return .object([
            "resourceSpans": .array([
                .object(["resource": .object(["attributes": attributes(resource)]), "scopeSpans": .array([scope])])
            ])
        ])
    }

    /// Sorted by key; what is null is left out.
    private static func attributes(_ values: [String: JSONValue]) -> JSONValue {
        .array(
            values.sorted { $0.key < $1.key }.compactMap { key, value in
                let typed: (String, JSONValue)? =
                    switch value {
                    case .string: ("stringValue", value)
                    case .integer(let number): ("intValue", .string("\(number)"))
                    case .number: ("doubleValue", value)
                    case .bool: ("boolValue", value)
                    case .null, .array, .object: nil
                    }
                return typed.map { .object(["key": .string(key), "value": .object([$0.0: $0.1])]) }
            })
    }
}
