import Containers
import Domain
import Testing

@Suite struct ReplicaTableTests {
    private static func key(replicas: Int = 1, idle: Int = 10) throws -> ContainerKey {
        try ContainerKey(environment: EnvironmentName("e"), settings: container(idle: idle, replicas: replicas))
    }

    private static func replica(_ key: ContainerKey, _ container: String) -> Replica {
        Replica(key: key, container: container, url: "http://\(container)")
    }

    @Test("The first call orders a container and all who come meanwhile wait for it")
    func first() throws {
        let (key, time) = (try Self.key(), Duration.seconds(1))
        var table = ReplicaTable()
        let first = table.take(key, ticket: 1, now: time)
        #expect(first.replica == nil && first.order == ReplicaTable.Order(key: key, delay: .zero))
        let second = table.take(key, ticket: 2, now: time)
        #expect(second.replica == nil && second.order == nil)
        #expect(table.started(Self.replica(key, "a"), now: time) == [1, 2])
        #expect(table.take(key, ticket: 3, now: time).replica == Self.replica(key, "a"))
    }

    @Test("Each call goes to the replica with the fewest under way")
    func balance() throws {
        let (key, time) = (try Self.key(replicas: 2), Duration.zero)
        var table = ReplicaTable()
        #expect(table.take(key, ticket: 1, now: time).order != nil)
        #expect(table.take(key, ticket: 2, now: time).order != nil)
        #expect(table.take(key, ticket: 3, now: time).order == nil, "two are all there may be")
        let (a, b) = (Self.replica(key, "a"), Self.replica(key, "b"))
        #expect(table.started(a, now: time) == [1, 2, 3])
        #expect(table.started(b, now: time) == [])
        #expect((4...6).map { table.take(key, ticket: $0, now: time).replica } == [b, b, b])
        table.giveBack(a, now: time)
        #expect(table.take(key, ticket: 7, now: time).replica == a)
    }

    @Test("While one call at a time is made, no second replica is started")
    func demand() throws {
        let key = try Self.key(replicas: 4)
        var table = ReplicaTable()
        _ = table.take(key, ticket: 1, now: .zero)
        _ = table.started(Self.replica(key, "a"), now: .zero)
        for ticket in 2..<10 {
            table.giveBack(Self.replica(key, "a"), now: .zero)
            #expect(table.take(key, ticket: ticket, now: .zero).order == nil)
        }
        #expect(table.take(key, ticket: 10, now: .zero).order != nil)
    }

    @Test("After each failed start the next waits longer, up to a minute, and a success forgets it")
    func backOff() throws {
        let key = try Self.key()
        var table = ReplicaTable()
        var (delays, now) = ([Duration](), Duration.zero)
        for ticket in 0..<9 {
            let order = try #require(table.take(key, ticket: ticket, now: now).order)
            delays.append(order.delay)
            now += order.delay
            #expect(table.failed(key, now: now) == [ticket])
        }
        #expect(delays == [0, 1, 2, 4, 8, 16, 32, 60, 60].map { .seconds($0) })
        _ = table.take(key, ticket: 9, now: now)
        _ = table.started(Self.replica(key, "a"), now: now)
        let wasThere = table.drop(Self.replica(key, "a"))
        #expect(wasThere)
        #expect(table.take(key, ticket: 10, now: now).order?.delay == .zero)
    }

    @Test("A failed start leaves the calls to another that is under way")
    func otherStart() throws {
        let key = try Self.key(replicas: 2)
        var table = ReplicaTable()
        _ = table.take(key, ticket: 1, now: .zero)
        _ = table.take(key, ticket: 2, now: .zero)
        #expect(table.failed(key, now: .zero) == [])
        #expect(table.started(Self.replica(key, "b"), now: .zero) == [1, 2])
    }

    @Test("What has no call is taken out when its idle time is over, counted from its last call's end")
    func idle() throws {
        let key = try Self.key(idle: 10)
        let replica = Self.replica(key, "a")
        var table = ReplicaTable()
        _ = table.take(key, ticket: 1, now: .zero)
        _ = table.started(replica, now: .zero)
        #expect(table.takeIdle(now: .seconds(60)) == [], "a call is under way")
        table.giveBack(replica, now: .seconds(60))
        #expect(table.takeIdle(now: .seconds(69)) == [])
        #expect(table.takeIdle(now: .seconds(70)) == [replica])
        #expect(table.replicas.isEmpty)
    }

    @Test("A replica is dropped once, and giving it back afterwards changes nothing")
    func drop() throws {
        let key = try Self.key()
        let replica = Self.replica(key, "a")
        var table = ReplicaTable()
        _ = table.take(key, ticket: 1, now: .zero)
        _ = table.started(replica, now: .zero)
        let drops = [table.drop(replica), table.drop(replica)]
        #expect(drops == [true, false])
        table.giveBack(replica, now: .zero)
        #expect(table.replicas.isEmpty)
        #expect(table.take(key, ticket: 2, now: .zero).order != nil)
    }

    @Test("A call that was given up gets no replica")
    func abandoned() throws {
        let key = try Self.key()
        var table = ReplicaTable()
        _ = table.take(key, ticket: 1, now: .zero)
        table.abandon(1, key)
        #expect(table.started(Self.replica(key, "a"), now: .zero) == [])
        #expect(table.takeIdle(now: .seconds(10)).count == 1)
    }
}
