/// Finds the program in an answer.
enum AnswerProgram {
    /// The last fence marked as Python, else the last fence, else the whole answer; a fence that is never closed runs to
    /// the answer's end.
    static func extract(from answer: String) -> String {
        let text = TextTools.withoutThoughts(answer)
        var fences: [(isPython: Bool, body: [Substring])] = []
        var isInside = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let mark = line.drop { $0 == " " }
            if mark.hasPrefix("```") {
                if !isInside {
                    let language = mark.dropFirst(3).prefix { !$0.isWhitespace }.lowercased()
                    fences.append((["python", "python3", "py"].contains(language), []))
                }
                isInside.toggle()
            } else if isInside {
                fences[fences.count - 1].body.append(line)
            }
        }
        guard let fence = fences.last(where: \.isPython) ?? fences.last else { return text }
        return fence.body.joined(separator: "\n")
    }
}
