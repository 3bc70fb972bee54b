/// A generated program: read one line, take some steps, print one line.
struct Pipeline: Sendable {
    let source: Value.Kind
    let steps: [Step]
    /// One variable name for each kind of value, so that texts differ even where functions do not.
    private let names: [Value.Kind: String]
    /// The steps' families, in order.
    let families: [String]
    /// The steps' tiers, in order.
    let tiers: [Int]

    init(_ shape: Shape, _ draws: inout SeededDraws) {
        names = [
            .integer: draws.pick(shape.isPlain ? ["n"] : ["n", "x", "num", "value"]),
            .text: draws.pick(shape.isPlain ? ["s"] : ["s", "t", "text", "word"]),
            .list: draws.pick(shape.isPlain ? ["xs"] : ["xs", "items", "numbers", "seq"]),
        ]
        source = draws.pick(shape.sources)
        var (kind, steps, taken) = (source, [Step](), [StepFamily]())
        while steps.count < shape.steps {
            let open = StepFamily.all.filter { $0.source == kind && shape.allows($0) }
            let fresh = open.filter { family in !taken.contains { $0.name == family.name } }
            let family = draws.pick(fresh.isEmpty ? open : fresh)
            taken.append(family)
            steps.append(family.make(&draws, shape.scale))
            kind = family.result
        }
        self.steps = steps
        families = taken.map(\.name)
        tiers = taken.map(\.tier)
    }

    /// The value printed for an input; nil where the Python program would fail or the numbers grow out of hand.
    func apply(_ input: Value) -> Value? {
        var value = input
        for step in steps {
            guard let next = step.apply(value), next.isModest else { return nil }
            value = next
        }
        return value
    }

    /// The function as a Python program.
    var program: String {
        var kind = source
        var lines = [read(source)]
        for step in steps {
            lines += step.lines.map { render($0, from: kind, to: step.result) }
            kind = step.result
        }
        lines.append("print(\(kind == .list ? "*" : "")\(name(kind)))")
        return lines.joined(separator: "\n")
    }

    private func read(_ kind: Value.Kind) -> String {
        switch kind {
        case .integer: "\(name(kind)) = int(input())"
        case .text: "\(name(kind)) = input()"
        case .list: "\(name(kind)) = [int(part) for part in input().split()]"
        }
    }

    private func render(_ line: String, from: Value.Kind, to: Value.Kind) -> String {
        line.reduce(into: "") { text, character in
            switch character {
            case "@": text += name(from)
            case "#": text += name(to)
            default: text.append(character)
            }
        }
    }

    private func name(_ kind: Value.Kind) -> String { names[kind] ?? "value" }
}

/// How large a program a difficulty asks for.
struct Shape: Sendable {
    static let difficulties = 0...9

    let steps: Int
    /// The hardest kind of step.
    let tier: Int
    /// About the largest constant.
    let scale: Int
    let sources: [Value.Kind]
    /// Levels made for very small models: one style, short values.
    let isPlain: Bool
    private let copying: Copying

    /// How far steps may just copy their input.
    enum Copying: Sendable {
        case never, sometimes, always
    }

    init(difficulty: Int, copying: Copying) {
        self.copying = copying
        steps = [1, 1, 1, 3, 3, 4, 4, 5, 6, 8][difficulty]
        tier = [0, 1, 2, 2, 3, 3, 3, 3, 3, 3][difficulty]
        scale = [9, 9, 20, 30, 50, 60, 70, 80, 90, 99][difficulty]
        sources = difficulty < 2 ? [.integer, .text] : Value.Kind.allCases
        isPlain = difficulty < 3
    }

    func allows(_ family: StepFamily) -> Bool {
        switch copying {
        case .never: !family.isCopying && family.tier <= tier
        case .sometimes: family.tier <= tier
        case .always: family.isCopying
        }
    }

    /// An input of the size that fits the difficulty.
    func input(_ kind: Value.Kind, _ draws: inout SeededDraws) -> Value {
        switch kind {
        case .integer: .integer(draws.draw(isPlain ? 1...max(20, scale) : 10...(scale * scale)))
        case .text: .text(isPlain ? draws.pick(Words.common) : Words.draw(&draws, length: 5...9))
        case .list: .list((0..<draws.draw(isPlain ? 3...4 : 4...7)).map { _ in draws.draw(1...max(9, scale)) })
        }
    }
}
