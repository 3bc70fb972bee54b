import Processes
import TestSupport
import Testing

@Suite struct ProcessIdentityTests {
    @Test("A label tells a living process from a dead one, also one that its parent has not yet been told of")
    func standing() throws {
        let observer = try #require(ProcessIdentity.current)
        let bystander = Bystander()
        let label = try #require(ProcessIdentity(of: bystander.process)).label
        let seen = try #require(ProcessIdentity(label: label))
        #expect(seen.standing(seenBy: observer) == .alive)
        bystander.kill()
        #expect(seen.standing(seenBy: observer) == .dead)
        bystander.bury()
        #expect(seen.standing(seenBy: observer) == .dead)
        #expect(ProcessIdentity(of: bystander.process)?.label != label)
    }

    @Test("An id that another process has now, or had before the machine started anew, is not taken for its owner")
    func otherProcess() throws {
        let observer = try #require(ProcessIdentity.current)
        let words = observer.label.split(separator: " ").map(String.init)
        let laterStart = [words[0], "1", words[2], words[3]].joined(separator: " ")
        #expect(ProcessIdentity(label: laterStart)?.standing(seenBy: observer) == .dead)
        let earlierBoot = [words[0], words[1], "b007", words[3]].joined(separator: " ")
        #expect(ProcessIdentity(label: earlierBoot)?.standing(seenBy: observer) == .dead)
    }

    @Test("Of a process in another namespace nothing is said")
    func elsewhere() throws {
        let observer = try #require(ProcessIdentity.current)
        let words = observer.label.split(separator: " ").map(String.init)
        let other = [words[0], "1", words[2], "pid:[1]"].joined(separator: " ")
        #expect(ProcessIdentity(label: other)?.standing(seenBy: observer) == .unknown)
        for label in ["", "1 2 3", "x 1 b n"] { #expect(ProcessIdentity(label: label) == nil) }
    }
}
