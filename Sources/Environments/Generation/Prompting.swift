internal import Inference

/// What both environments' prompts have in common.
enum Prompting {
    /// Longer answers score 0 unread.
    static let maximumAnswerBytes = 128 << 10

    /// Solved tasks shown before the question: weak models need them, strong ones only the format.
    static func examples(_ difficulty: Int) -> Int { difficulty < 5 ? 4 : 1 }

    static func maxTokens(_ difficulty: Int) -> Int {
        switch difficulty {
        case ...2: 48
        case ...4: 512
        default: 4_096
        }
    }

    /// The instructions stand in the first user turn: not every chat template knows a system role.
    static func conversation(_ instructions: String, _ turns: [ChatMessage]) -> [ChatMessage] {
        turns.enumerated().map { index, turn in
            index == 0 ? ChatMessage(role: turn.role, content: instructions + "\n\n" + turn.content) : turn
        }
    }
}
