import Coordinator
import Domain
import TestSupport
import Testing

/// How close two models are, and the texts by which that is measured.
@Suite struct CopyComparisonTests {
    private static func likelihoods(_ logprobs: [String: Double]) -> [TokenLikelihood] {
        logprobs.map(TokenLikelihood.init)
    }

    /// Models that are in doubt now and then.
    private static func answers(_ count: Int, from random: inout SeededRandom) -> [[TokenLikelihood]] {
        (0..<count).map { _ in
            (0..<5).map { TokenLikelihood(token: "t\($0)", logprob: -Double.random(in: 0...4, using: &random)) }
        }
    }

    @Test(
        "a model is a copy of itself, whatever the order of tokens; one of other likelihoods is not", arguments: 1...20)
    func itself(seed: Int) {
        var random = SeededRandom(seed: seed)
        let champion = Self.answers(200, from: &random)
        let shuffled = champion.map { $0.shuffled(using: &random) }
        let settings = CopyCheckSettings()
        let own = CopyComparison(champion: champion, challenger: shuffled, doubt: settings.doubt)
        #expect(own.medianGap == 0 && own.agreement == 1 && own.positions >= 50)
        #expect(settings.verdict(on: own) == .copy)
        let other = CopyComparison(
            champion: champion, challenger: Self.answers(200, from: &random), doubt: settings.doubt)
        #expect(settings.verdict(on: other) == .distinct)
    }

    @Test(
        "noise of arithmetic below the threshold leaves a copy a copy, and noise above makes it another",
        arguments: 1...20)
    func noise(seed: Int) {
        var random = SeededRandom(seed: seed)
        let champion = Self.answers(200, from: &random)
        func noisy(_ size: Double) -> CopyComparison {
            let challenger = champion.map { tokens in
                tokens.map {
                    TokenLikelihood(token: $0.token, logprob: $0.logprob + (Bool.random(using: &random) ? size : -size))
                }
            }
            return CopyComparison(champion: champion, challenger: challenger, doubt: 0.6)
        }
        #expect(CopyCheckSettings().verdict(on: noisy(0.04)) == .copy)
        #expect(CopyCheckSettings().verdict(on: noisy(0.06)) == .distinct)
    }

    @Test(
        "positions at which both are sure do not count, and a token that is not named is no likelier than the last that is"
    )
    func figures() {
        let comparison = CopyComparison(
            champion: [
                Self.likelihoods([" a": -0.1, " b": -3]), Self.likelihoods([" a": -1, " b": -2]),
                Self.likelihoods([" a": -0.2, " b": -4]), Self.likelihoods([" a": -1.5, " b": -1.5]), [],
            ],
            challenger: [
                Self.likelihoods([" a": -0.4, " b": -3]), Self.likelihoods([" a": -1.5, " b": -0.9]),
                Self.likelihoods([" c": -0.6, " d": -2.2]), Self.likelihoods([" b": -1.5, " a": -1.5]),
                Self.likelihoods([" a": -1]),
            ], doubt: 0.6)
        #expect(comparison.positions == 3)
        #expect(comparison.medianGap == 0.5)
        #expect(comparison.agreement == 1.0 / 3)
    }

    @Test("too few decisions say nothing")
    func few() {
        var settings = CopyCheckSettings()
        settings.positions = 2
        let tokens = [Self.likelihoods([" a": -1])]
        let one = CopyComparison(champion: tokens, challenger: tokens, doubt: 0.6)
        #expect(settings.verdict(on: one) == .undecided("1 decisions among the probes, needs 2"))
        #expect(
            settings.verdict(on: CopyComparison(champion: tokens + tokens, challenger: tokens + tokens, doubt: 0.6))
                == .copy)
        #expect(CopyComparison(champion: [], challenger: [], doubt: 0.6).medianGap == nil)
    }

    @Test("texts end before a word of the model's, are different, bounded, and come from every conversation")
    func probes() {
        let conversations = (0..<7).map { number in
            [
                (role: "user", text: "question \(number) with words"),
                (role: "assistant", text: (0..<900).map { "wört\(number).\($0)" }.joined(separator: " ")),
            ]
        }
        let texts = ProbeTexts.cut(conversations, count: 70)
        #expect(texts.count == 70 && Set(texts).count == 70)
        for text in texts {
            #expect(text.utf8.count <= ProbeTexts.longest && !text.contains("\u{FFFD}"))
            // A whole word of the answer, and never the question's.
            #expect(text.wholeMatch(of: /(?s).*(wört\d\.\d+|assistant:)/) != nil, "\(text.suffix(30))")
        }
        for number in 0..<7 {
            #expect(texts.count { $0.contains("wört\(number).") || $0.contains("question \(number)") } == 10)
        }
        #expect(ProbeTexts.cut([[(role: "user", text: "a b c")], [(role: "tool", text: "one two")]], count: 9) == [])
        #expect(
            ProbeTexts.cut([[(role: "user", text: "a"), (role: "assistant", text: "b  c\nd ")]], count: 9)
                == [
                    "user: a\n\nassistant:", "user: a\n\nassistant: b", "user: a\n\nassistant: b  c",
                    "user: a\n\nassistant: b  c\nd",
                ])
        #expect(ProbeTexts.cut([], count: 9) == [])
        let example = [(role: "user", text: "1"), (role: "assistant", text: "one more")]
        #expect(
            ProbeTexts.cut(
                ["2", "3"].map { example + [(role: "user", text: $0), (role: "assistant", text: "?")] }, count: 9
            )
            .map { $0.suffix(12) } == ["2\n\nassistant:", "3\n\nassistant:"].map { $0.suffix(12) })
    }
}
