import Statistics
import Testing

@Suite("Special functions")
struct FunctionTests {
    @Test("the logarithm of the gamma function is SciPy's, near its zeros too")
    func logGamma() async throws {
        try await compare(seed: 1) { random in
            let x = random.chance(0.3) ? random.number(0.9...2.6) : random.magnitude(-9...9)
            return ("lgamma \(x)", [Gamma.logarithm(x)])
        }
        #expect(Gamma.logarithm(1) == 0 && Gamma.logarithm(2) == 0)
        #expect(Gamma.logarithm(0).isNaN && Gamma.logarithm(-1.5).isNaN)
    }

    @Test("the incomplete beta function is SciPy's, from tiny to huge parameters and into the tails")
    func incompleteBeta() async throws {
        try await compare(seed: 2) { random in
            let (a, b) = (random.magnitude(-1...5), random.magnitude(-1...5))
            let x = random.chance(0.5) ? random.fraction() : min(1, a / (a + b) * random.number(0.8...1.2))
            return ("betainc \(a) \(b) \(x)", [IncompleteBeta.regularised(a, b, at: x)])
        }
        #expect(IncompleteBeta.regularised(2, 3, at: 0) == 0 && IncompleteBeta.regularised(2, 3, at: 1) == 1)
        #expect(IncompleteBeta.regularised(0, 3, at: 0.5).isNaN && IncompleteBeta.regularised(1, 3, at: 1.5).isNaN)
    }

    @Test("the normal distribution is SciPy's")
    func normal() async throws {
        try await compare(seed: 3) { random in
            let z = random.number(-30...10)
            return ("normal_cdf \(z)", [Normal.atMost(z)])
        }
        try await compare(seed: 4) { random in
            let p = random.chance(0.5) ? random.fraction() : random.magnitude(-300 ... -1)
            return ("normal_ppf \(p)", [Normal.quantile(p)])
        }
        #expect(Normal.quantile(0.5) == 0 && Normal.quantile(0) == -.infinity && Normal.quantile(1) == .infinity)
        #expect(Normal.quantile(-0.1).isNaN && Normal.above(37) > 0)
    }

    @Test("Student's distribution is SciPy's")
    func student() async throws {
        try await compare(seed: 5) { random in
            let (df, t) = (Self.degrees(&random), random.number(-20...8))
            return ("t_cdf \(df) \(t)", [StudentT(degreesOfFreedom: df).atMost(t)])
        }
        try await compare(seed: 6) { random in
            let (df, t) = (Self.degrees(&random), random.number(-3...20))
            return ("t_sf \(df) \(t)", [StudentT(degreesOfFreedom: df).above(t)])
        }
        try await compare(seed: 7) { random in
            let df = Self.degrees(&random)
            let p = random.chance(0.7) ? random.fraction() : random.magnitude(-12 ... -2)
            return ("t_ppf \(df) \(p)", [StudentT(degreesOfFreedom: df).quantile(p)])
        }
        let cauchy = StudentT(degreesOfFreedom: 1)
        #expect(cauchy.quantile(0.5) == 0 && cauchy.quantile(1) == .infinity && cauchy.quantile(2).isNaN)
        #expect(Reference.isClose(cauchy.quantile(0.75), 1))
    }

    @Test("the binomial distribution is SciPy's")
    func binomial() async throws {
        try await compare(seed: 8) { random in
            let (n, p) = (Int(random.magnitude(0...5)), random.fraction())
            let k = random.chance(0.5) ? random.int(0...n) : min(n, Int(Double(n) * p * random.number(0.9...1.1)))
            let binomial = Binomial(trials: n, probability: p)
            return ("binomial \(n) \(p) \(k)", [binomial.mass(at: k), binomial.atMost(k), binomial.atLeast(k)])
        }
        for probability in [0.0, 1] {
            let certain = Binomial(trials: 5, probability: probability)
            #expect((0...5).map(certain.mass) == (0...5).map { $0 == Int(5 * probability) ? 1 : 0 })
            #expect((0...5).allSatisfy { certain.atMost($0) + certain.atLeast($0 + 1) == 1 })
        }
    }

    private static func degrees(_ random: inout SeededGenerator) -> Double {
        random.chance(0.5) ? Double(random.int(1...500)) : random.magnitude(0...6)
    }

    private func compare(seed: UInt64, _ question: (inout SeededGenerator) -> (String, [Double])) async throws {
        var random = SeededGenerator(seed: seed)
        var questions: [(line: String, values: [Double])] = []
        for _ in 0..<1_000 { questions.append(question(&random)) }
        try await Reference.expect(questions)
    }
}
