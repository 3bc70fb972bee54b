import Domain
import Testing

@Suite struct SecretsTests {
    @Test(
        "a secret is hidden wherever it stands, and so is what a cut left of it",
        arguments: [
            ("key: sk-abcdef!", "key: (hidden)!"), ("sk-abcdefsk-abcdef", "(hidden)(hidden)"),
            ("cut sk-abc", "cut (hidden)"),
            ("cut sk-", "cut sk-"), ("nothing", "nothing"), ("echo sk-abcdef\u{301}.", "echo (hidden)\u{301}."),
            ("longer sk-abcdef-and-more", "longer (hidden)"), ("", ""),
        ])
    func text(text: String, expected: String) {
        #expect(Secrets(["sk-abcdef", nil, "", "sk-abcdef-and-more"]).hidden(in: text) == expected)
    }

    @Test("a document keeps its shape, and no secret in a text or a name")
    func document() {
        let told = JSONValue.object([
            "a": .array([.string("my sk-abcdef"), .integer(1), .null]), "sk-abcdef": .bool(true),
        ])
        #expect(
            Secrets(["sk-abcdef"]).hidden(in: told)
                == .object(["a": .array([.string("my (hidden)"), .integer(1), .null]), "(hidden)": .bool(true)]))
        #expect(Secrets([nil]).hidden(in: told) == told)
    }
}
