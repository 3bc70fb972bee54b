internal import Inference

/// What both environments' prompts have in common.
enum Prompting {
    /// Longer answers score 0 unread.
    static let maximumAnswerBytes = 128 << 10

    /// Solved tasks shown before the question: weak models need them, strong ones only the format. They come from ids
    /// that no task has, and from families as different as can be.
    static func examples<Puzzle>(
        _ difficulty: Int, families: (Puzzle) -> [String], draw: (_ id: Int64) -> Puzzle
    ) -> [Puzzle] {
        var (chosen, seen): ([Puzzle], Set<[String]>) = ([], [])
        for id in 1...40 as ClosedRange<Int64> where chosen.count < (difficulty < 5 ? 4 : 1) {
            let puzzle = draw(-id)
            if seen.insert(families(puzzle)).inserted { chosen.append(puzzle) }
        }
        return chosen
    }

    static func maxTokens(_ difficulty: Int, short: Int) -> Int {
        switch difficulty {
        case ...2: short
        case ...4: 512
        default: 4_096
        }
    }

    /// The instructions stand in the first user turn: not every chat template knows a system role.
    static func opening(_ instructions: String, _ turns: [ChatMessage]) -> [ChatMessage] {
        turns.enumerated().map { index, turn in
            index == 0 ? ChatMessage(role: turn.role, content: instructions + "\n\n" + turn.content) : turn
        }
    }
}
