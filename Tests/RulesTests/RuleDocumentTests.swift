import Digest
import Domain
import Rules
import TestSupport
import Testing

@Suite("Rule documents")
struct RuleDocumentTests {
    static let strict =
        #"{"environments":{"abd":{"hi_nano":1000000000,"lo_nano":0,"margin_nano":30000000,"sampling_count":300},"#
        + #""ded":{"hi_nano":1000000000,"lo_nano":-1000000000,"margin_nano":0,"sampling_count":200}},"#
        + #""kind":"strict_margin","stopping":"exact"}"#
    static let pareto =
        #"{"environments":{"abd":{"hi_nano":1000000000,"lo_nano":0,"margin_nano":30000000,"sampling_count":300,"#
        + #""tolerance_nano":20000000},"ded":{"additive_tolerance_nano":50000000,"hi_nano":1000000000,"lo_nano":0,"#
        + #""margin_nano":0,"sampling_count":200}},"kind":"partial_pareto","min_dominant":1,"stopping":"full"}"#

    static let derived =
        #"{"environments":{"abd":{"hi_nano":1000000000,"lo_nano":0,"margin_nano":30000000,"sampling_count":300},"#
        + #""short":{"derived":{"metric":"token_efficiency","source":"abd","token_budget":4096},"hi_nano":1000000000,"#
        + #""lo_nano":0,"margin_nano":0,"sampling_count":300}},"kind":"strict_margin","stopping":"exact"}"#

    @Test("a canonical document is its own canonical form", arguments: [strict, pareto, derived])
    func canonicalIsFixed(text: String) throws {
        let rule = try RuleDocument(parsing: text)
        #expect(rule.canonical == text)
        #expect(rule.digest == SHA256Digest(of: text))
    }

    @Test("white space and the order of keys do not change a rule's digest")
    func spellingDoesNotMatter() throws {
        let spelled = """
            { "stopping": "exact", "kind": "strict_margin",
              "environments": {
                "ded": {"sampling_count": 200, "margin_nano": 0, "lo_nano": -1000000000, "hi_nano": 1000000000},
                "\\u0061bd": {"lo_nano": 0, "hi_nano": 1000000000, "margin_nano": 30000000, "sampling_count": 300} } }
            """
        #expect(try RuleDocument(parsing: spelled).canonical == Self.strict)
    }

    @Test("every rule survives being written and read", arguments: 0..<20)
    func roundTrip(seed: Int) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<50 {
            let rule = try Contests.rule(&random, stopping: random.pick(RuleDocument.Stopping.allCases))
            let read = try RuleDocument(parsing: rule.canonical)
            #expect(read == rule && read.digest == rule.digest && read.environments == rule.environments)
        }
    }

    @Test(
        "a document that is not a rule is refused by field, value and what is allowed",
        arguments: [
            (
                #""kind":"strict_margin""#, #""kind":"elo""#,
                "kind 'elo' is not valid: expected strict_margin or partial_pareto"
            ),
            (#""kind":"strict_margin","#, "", "kind 'absent' is not valid: expected strict_margin or partial_pareto"),
            (
                #""stopping":"exact""#, #""stopping":"soon""#,
                "stopping 'soon' is not valid: expected full or exact or anytime"
            ),
            (#""stopping":"exact""#, #""stopping":1"#, "stopping '1' is not valid: expected full or exact or anytime"),
            (
                #""kind""#, #""min_dominant":1,"kind""#,
                "min_dominant '1' is not valid: expected no such field; allowed: alpha_nano, environments, kind, stopping"
            ),
            (#""margin_nano":30000000"#, #""margin":0.03"#, "environments.abd.margin_nano 'absent' is not valid"),
            (#""margin_nano":30000000"#, #""margin_nano":0.03"#, "environments.abd.margin_nano '0.03' is not valid"),
            (#""margin_nano":30000000"#, #""margin_nano":"3""#, #"environments.abd.margin_nano '"3"' is not valid"#),
            (
                #""margin_nano":30000000"#, #""margin_nano":1000000000"#,
                "environments.abd.margin_nano '1000000000' is not valid: expected 0 ≤ margin_nano < hi_nano − lo_nano = 1000000000"
            ),
            (#""margin_nano":30000000"#, #""margin_nano":-1"#, "environments.abd.margin_nano '-1' is not valid"),
            (
                #""sampling_count":300"#, #""sampling_count":0"#,
                "environments.abd.sampling_count '0' is not valid: expected an integer from 1"
            ),
            (
                #""sampling_count":300"#, #""sampling_count":300,"weight":1"#,
                "environments.abd.weight '1' is not valid: expected no such field"
            ),
            (
                #""sampling_count":300"#, #""sampling_count":300,"sampling_count":301"#,
                "key 'sampling_count' is not valid: expected each key once"
            ),
            (
                #""sampling_count":300"#, #""sampling_count":300,"tolerance_nano":0"#,
                "tolerance_nano/additive_tolerance_nano 'present' is not valid"
            ),
            (
                #""hi_nano":1000000000,"lo_nano":0"#, #""hi_nano":0,"lo_nano":0"#,
                "environments.abd.hi_nano '0' is not valid: expected more than lo_nano"
            ),
            (#""ded":"#, #""abd":"#, "key 'abd' is not valid"),
            (#""ded":"#, #""Ded":"#, "environment 'Ded' is not valid"),
            (#""ded":{"#, #""swe":[],"ded":{"#, "environments.swe '[]' is not valid: expected an object"),
        ])
    func invalidDocumentsAreRefused(old: String, new: String, message: String) throws {
        try Self.expectRefusal(of: Self.replacing(old, by: new, in: Self.strict), message: message)
    }

    @Test(
        "a derived environment needs a source of the same slate, and bounds of its metric",
        arguments: [
            (#""source":"abd""#, #""source":"ded""#, "environments.short.derived.source 'ded' is not valid"),
            (#""source":"abd""#, #""source":"short""#, "environments.short.derived.source 'short' is not valid"),
            (#""token_efficiency""#, #""speed""#, "environments.short.derived.metric 'speed' is not valid"),
            (#""token_budget":4096"#, #""token_budget":0"#, "environments.short.derived.token_budget '0' is not valid"),
            (
                #""lo_nano":0,"margin_nano":0"#, #""lo_nano":-1,"margin_nano":0"#,
                "environments.short.bounds"
            ),
            (
                #""margin_nano":0,"sampling_count":300"#, #""margin_nano":0,"sampling_count":299"#,
                "environments.short.sampling_count '299' is not valid: expected 300, that of abd"
            ),
        ])
    func derivedFieldsAreChecked(old: String, new: String, message: String) throws {
        try Self.expectRefusal(of: Self.replacing(old, by: new, in: Self.derived), message: message)
    }

    @Test("the prose of a derived environment says what it scores")
    func derivedProse() throws {
        #expect(
            try RuleDocument(parsing: Self.derived).prose.contains(
                "- short: over 300 tasks scored from 0 to 1 (the share of 4096 tokens that each task of abd leaves unused), "
                    + "the challenger's mean has to be more than 0 above the champion's."))
    }

    @Test(
        "partial Pareto asks for its own fields",
        arguments: [
            (#""min_dominant":1,"#, "", "min_dominant 'absent' is not valid"),
            (#""min_dominant":1"#, #""min_dominant":3"#, "min_dominant '3' is not valid: expected 1 to 2"),
            (#""min_dominant":1"#, #""min_dominant":0"#, "min_dominant '0' is not valid: expected an integer from 1"),
            (#","tolerance_nano":20000000"#, "", "expected one tolerance"),
            (
                #""tolerance_nano":20000000"#, #""tolerance_nano":1000000001"#,
                "environments.abd.tolerance_nano '1000000001' is not valid"
            ),
            (
                #""tolerance_nano":2"#, #""additive_tolerance_nano":1,"tolerance_nano":2"#,
                "'both' is not valid: expected one of the two"
            ),
            (
                #""additive_tolerance_nano":50000000"#, #""additive_tolerance_nano":1000000001"#,
                "environments.ded.additive_tolerance_nano"
            ),
        ])
    func paretoFieldsAreChecked(old: String, new: String, message: String) throws {
        try Self.expectRefusal(of: Self.replacing(old, by: new, in: Self.pareto), message: message)
    }

    @Test("a rule without environments is refused")
    func emptyRuleIsRefused() {
        let text = #"{"environments":{},"kind":"strict_margin","stopping":"full"}"#
        #expect(throws: InvalidValue.self) { try RuleDocument(parsing: text) }
        #expect(throws: InvalidValue.self) { try RuleDocument(kind: StrictMargin(), environments: [], stopping: .full) }
    }

    @Test("the prose says what the document says")
    func proseIsGenerated() throws {
        let strict = try RuleDocument(parsing: Self.strict).prose
        #expect(strict.contains("in every environment. A tie keeps the champion."))
        #expect(
            strict.contains(
                "- abd: over 300 tasks scored from 0 to 1, the challenger's mean has to be more than 0.03 above the champion's."
            ))
        #expect(strict.contains("The contest ends as soon as no result"))
        let pareto = try RuleDocument(parsing: Self.pareto).prose
        #expect(pareto.contains("in at least one environment and is worse than the tolerance allows in none."))
        #expect(pareto.contains("worse when below 0.98 times the champion's"))
        #expect(pareto.contains("worse when more than 0.05 below the champion's"))
        #expect(pareto.contains("Every task is run"))
    }

    private static func expectRefusal(of text: String, message: String) throws {
        let error = #expect(throws: InvalidValue.self) { try RuleDocument(parsing: text) }
        #expect(try #require(error).description.contains(message), "\(error?.description ?? "")")
    }

    private static func replacing(_ old: String, by new: String, in text: String) throws -> String {
        let range = try #require(text.firstRange(of: old))
        return text.replacingCharacters(in: range, with: new)
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}

@Suite("Exact JSON")
struct ExactJSONTests {
    @Test(
        "canonical text is ASCII, sorted and without white space",
        arguments: [
            (#" { "b" : [ 1 , true , null ] , "a" : "x" } "#, #"{"a":"x","b":[1,true,null]}"#),
            (#""é\n\u0001\"\\\/""#, #""\u00e9\u000a\u0001\"\\/""#),
            (#""😀""#, #""\ud83d\ude00""#),
            (#""\ud83d\ude00""#, #""\ud83d\ude00""#),
            (#"{"é":1,"z":2,"Z":3}"#, #"{"Z":3,"z":2,"\u00e9":1}"#),
            ("-0.50e+3", "-0.50e+3"),
            ("[]", "[]"), ("{}", "{}"),
        ])
    func canonicalText(text: String, canonical: String) throws {
        let json = try ExactJSON(parsing: text)
        #expect(json.canonical == canonical)
        #expect(try ExactJSON(parsing: canonical).canonical == canonical)
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", "{", "[1,]", #"{"a":1,}"#, "01", "1.", ".5", "+1", "1e", "nul", "tru", #""a"#, #""\x""#, #""\ud83d""#,
            #""\ud83d\u0041""#, #""\u12g4""#, "\"\n\"", "1 2", #"{"a":1,"\u0061":2}"#, "{1:2}", "NaN",
            String(repeating: "[", count: 100_000),
        ])
    func notJSON(text: String) {
        #expect(throws: InvalidValue.self) { try ExactJSON(parsing: text) }
    }
}
