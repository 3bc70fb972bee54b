import Domain
import FoundationEssentials
import Rules
import Testing

@Suite("Margin-rule files")
struct MarginRuleFileTests {
    private static func vectors() throws -> String {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let path = "/\(folder)/Vectors/margin-rule.json"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw InvalidValue(
                field: "vectors", value: path, expected: "the margin-rule vectors, which are not there")
        }
        return String(decoding: data, as: UTF8.self)
    }

    @Test("all 300 shared vectors are decided as expected, environment by environment")
    func sharedVectors() throws {
        struct Expected: Decodable {
            struct Case: Decodable {
                let id: Int64
                let winner: MarginRuleDecision.Winner
                let per_env: [MarginRuleDecision.Environment]
            }
            let cases: [Case]
        }
        let text = try Self.vectors()
        let expected = try JSONDecoder().decode(Expected.self, from: Data(text.utf8)).cases
        let decisions = try MarginRuleFile(parsing: text).decide()
        #expect(decisions.count == 300 && expected.count == 300)
        for (decision, expected) in zip(decisions, expected) {
            #expect(
                decision
                    == MarginRuleDecision(id: .integer(expected.id), winner: expected.winner, envs: expected.per_env))
        }
    }

    static let file =
        #"{"cases":[{"id":4,"min_dominant_envs":0,"envs":[{"env":"E0","additive":false,"margin":0.05,"min_tasks_per_env":1,"#
        + #""not_worse_tolerance":0.02,"tasks":[[1,0.3,0.35],[2,0.1,0.15]]}]}]}"#

    @Test(
        "scores are exact: a hair above the bar wins, the bar itself does not",
        arguments: [
            ("0.35", MarginRuleDecision.Winner.champion), ("0.350000001", .challenger), ("0.349999999", .champion),
            ("3.5e-1", .champion), ("350000001E-9", .challenger), ("0.3500000010000", .challenger),
        ])
    func scoresAreExact(score: String, winner: MarginRuleDecision.Winner) throws {
        let decisions = try MarginRuleFile(parsing: Self.file.replacing("0.35]", with: "\(score)]")).decide()
        #expect(decisions.map(\.winner) == [winner])
        #expect(decisions.map(\.id) == [.integer(4)])
    }

    @Test(
        "an error names the case and the field",
        arguments: [
            (
                #""margin":0.05"#, #""margin":"0.05""#,
                #"case 4.E0.margin '"0.05"' is not valid: expected a number from 0"#
            ),
            (#""margin":0.05,"#, "", "case 4.E0.margin 'absent' is not valid"),
            (#""margin":0.05"#, #""margin":-0.05"#, "case 4.E0.margin '-0.05' is not valid"),
            ("[2,0.1,0.15]", "[1,0.1,0.15]", "case 4.E0.tasks[1] '1' is not valid: expected each task id once"),
            ("[2,0.1,0.15]", "[2,0.1]", "case 4.E0.tasks[1] '[2,0.1]' is not valid: expected [task id, champion score"),
            ("[2,0.1,0.15]", "[2,0.1,null]", "case 4.E0.tasks[1] (task 2) challenger score 'null' is not valid"),
            ("[2,0.1,0.15]", "[2,0.1000000001,1]", "(task 2) champion score '0.1000000001' is not valid"),
            ("[2,0.1,0.15]", "[2,1e7,1]", "(task 2) champion score '1e7' is not valid"),
            ("[2,0.1,0.15]", "[2.5,1,1]", "case 4.E0.tasks[1] '[2.5,1,1]' is not valid"),
            (#""min_tasks_per_env":1"#, #""min_tasks_per_env":-1"#, "case 4.E0.min_tasks_per_env '-1' is not valid"),
            (#""additive":false"#, #""additive":0"#, "case 4.E0.additive '0' is not valid: expected true or false"),
            (#""additive":false"#, #""additive":true"#, "case 4.E0.additive_margin 'absent' is not valid"),
            (#""id":4,"#, "", "cases[0].id 'absent' is not valid"),
            (#""min_dominant_envs":0"#, #""min_dominant_envs":null"#, "case 4.min_dominant_envs 'null' is not valid"),
            (#""cases""#, #""case""#, "cases 'absent' is not valid"),
        ])
    func errorsNameCaseAndField(old: String, new: String, message: String) throws {
        let error = #expect(throws: InvalidValue.self) {
            try MarginRuleFile(parsing: Self.file.replacing(old, with: new))
        }
        #expect(try #require(error).description.contains(message), "\(error?.description ?? "")")
    }

    @Test("a case without environments is refused, as is one that names an environment twice")
    func environmentsAreChecked() throws {
        let empty = #"{"cases":[{"id":"a","min_dominant_envs":0,"envs":[]}]}"#
        let error = #expect(throws: InvalidValue.self) { try MarginRuleFile(parsing: empty) }
        #expect(error?.field == "case 'a'.envs")
        let start = try #require(Self.file.firstRange(of: #"{"env""#)).lowerBound
        let environment = String(Self.file[start...].dropLast(4))
        let twice = Self.file.replacing(environment, with: "\(environment),\(environment)")
        #expect(throws: InvalidValue.self) { try MarginRuleFile(parsing: twice) }
    }

    @Test("too few tasks are worse, however good")
    func tooFewTasksAreWorse() throws {
        let text = Self.file.replacing(#""min_tasks_per_env":1"#, with: #""min_tasks_per_env":3"#).replacing(
            "0.35]", with: "1]")
        let decision = try #require(try MarginRuleFile(parsing: text).decide().first)
        #expect(decision.winner == .champion)
        #expect(decision.envs.map(\.verdict) == [.worse])
    }
}

extension String {
    /// Replaces the one place where `old` stands.
    fileprivate func replacing(_ old: String, with new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}
