import Domain

extension Score {
    /// Reads a JSON number by its decimal text, also with an exponent (`1e-05`); nil when it is no number, has more than
    /// nine decimals, or does not fit.
    init?(exactly json: ExactJSON) {
        guard case .number(let text) = json else { return nil }
        if let score = Score(decimal: text) {
            self = score
            return
        }
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
        guard let exponent = parts.count == 2 ? Int(parts[1]) : 0, abs(exponent) <= 100 else { return nil }
        let isNegative = parts[0].hasPrefix("-")
        let mantissa = parts[0].drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
        let decimals = mantissa.count == 2 ? mantissa[1] : ""
        self.init(digits: mantissa[0] + decimals, scale: exponent + 9 - decimals.count, isNegative: isNegative)
    }

    /// The nano-units `digits · 10^scale`, if they are whole.
    private init?(digits: some StringProtocol, scale: Int, isNegative: Bool) {
        let significant = digits.drop { $0 == "0" }
        guard scale < 0 else {
            guard
                let nano = Int64(
                    (isNegative ? "-0" : "0") + significant
                        + String(repeating: "0", count: significant.isEmpty ? 0 : scale))
            else { return nil }
            self.init(nano: nano)
            return
        }
        guard significant.suffix(-scale).allSatisfy({ $0 == "0" }),
            let nano = Int64((isNegative ? "-0" : "0") + significant.dropLast(-scale))
        else { return nil }
        self.init(nano: nano)
    }
}
