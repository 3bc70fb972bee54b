/// Beginnings of conversations, each of which ends before a word that a model said.
package enum ProbeTexts {
    /// Bytes of a beginning, at most; what comes before is left out. Where it is left out moves in steps of half of this, so that
    /// an engine finds most of a text in its cache.
    package static let longest = 2_000

    /// - Parameter conversations: Lines of (role, text); what a model said has the role `assistant`. Turns with which several
    ///   begin are an environment's examples, and no model's.
    /// - Returns: At most `count` different texts, taken evenly from all conversations, and evenly from within each.
    package static func cut(_ conversations: [[(role: String, text: String)]], count: Int) -> [String] {
        guard !conversations.isEmpty else { return [] }
        let shared = sharedBeginnings(of: conversations)
        let share = (count + conversations.count - 1) / conversations.count
        var texts: [String] = []
        var known: Set<String> = []
        for (conversation, examples) in zip(conversations, shared) {
            let (text, places) = places(in: conversation, after: examples)
            let wanted = min(share, places.count)
            for number in 0..<wanted {
                let prompt = end(of: text[..<places[number * places.count / wanted]])
                if texts.count < count, known.insert(prompt).inserted { texts.append(prompt) }
            }
        }
        return texts
    }

    /// With how many of its lines each conversation begins as another one does.
    private static func sharedBeginnings(of conversations: [[(role: String, text: String)]]) -> [Int] {
        let beginnings = conversations.map { conversation in
            var hasher = Hasher()
            return conversation.map { line in
                hasher.combine(line.role)
                hasher.combine(line.text)
                return hasher.finalized
            }
        }
        var counts: [Int: Int] = [:]
        for beginning in beginnings.joined() { counts[beginning, default: 0] += 1 }
        return beginnings.map { $0.prefix { counts[$0, default: 0] > 1 }.count }
    }

    /// A conversation as one text, and where in it a word of the model's begins, with the space before it.
    private static func places(
        in conversation: [(role: String, text: String)], after examples: Int
    ) -> (text: String, places: [String.Index]) {
        var text = ""
        var offsets: [Int] = []
        for (number, line) in conversation.enumerated() {
            text += "\(line.role):"
            if line.role == "assistant", number >= examples {
                let start = text.utf8.count + 1
                offsets.append(start - 1)
                var isInWord = false
                for (offset, byte) in line.text.utf8.enumerated() {
                    let isSpace = byte == 0x20 || byte == 0x0A
                    // The space is the next token's: a text that ends in one is like no text that models learn from.
                    if isSpace, isInWord { offsets.append(start + offset) }
                    isInWord = !isSpace
                }
            }
            text += " \(line.text)\n\n"
        }
        return (text, offsets.map { text.utf8.index(text.startIndex, offsetBy: $0) })
    }

    private static func end(of text: Substring) -> String {
        let skipped = max(0, text.utf8.count - longest / 2) / (longest / 2) * (longest / 2)
        var start = text.utf8.index(text.startIndex, offsetBy: skipped)
        // Not within a character.
        while start < text.endIndex, text.utf8[start] & 0xC0 == 0x80 { text.utf8.formIndex(after: &start) }
        return String(text[start...])
    }
}

extension Hasher {
    /// Of what was combined so far; more may follow.
    fileprivate var finalized: Int {
        let copy = self
        return copy.finalize()
    }
}
