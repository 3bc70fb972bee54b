import Domain
import FoundationEssentials
import Testing

/// Every document of a stranger's goes through these: replies, answers of environments, commitments, repositories, exports.
@Suite struct JSONDepthTests {
    private static let depth = 200_000

    static let documents = [
        String(repeating: "[", count: depth),
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth),
        String(repeating: #"{"a":"#, count: depth),
        String(repeating: #"{"a":"#, count: depth) + "1" + String(repeating: "}", count: depth),
        String(repeating: #"[{"a":"#, count: depth) + "1" + String(repeating: "}]", count: depth),
        #"{"choices":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}",
    ]

    @Test("a document that is nested without end is refused, whole or cut off", arguments: documents.indices)
    func refused(index: Int) {
        #expect(JSONValue(json: Self.documents[index].utf8) == nil)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([String: [String]].self, from: Data(Self.documents[index].utf8))
        }
    }

    @Test("what people write is far from that")
    func allowed() {
        let nested = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(JSONValue(json: nested.utf8) != nil)
    }
}
