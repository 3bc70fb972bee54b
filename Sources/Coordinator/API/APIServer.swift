internal import Domain
internal import HTTPTypes
public import Hummingbird
internal import HummingbirdCore
public import Logging
public import NIOCore
internal import NIOHTTP1
internal import NIOHTTPCompression
internal import NIOHTTPTypesHTTP1

/// What a server puts up with.
public struct ServerLimits: Sendable {
    /// Requests a second of one client, twice as many at once; nil for any number.
    public var requestsPerSecond: Int?
    /// Whether a proxy in front appends the client's address to `X-Forwarded-For`.
    public var isBehindProxy: Bool
    /// How long a connection may be without a request, or take to send one.
    public var idleTimeout: Duration
    /// More of them wait until others end.
    public var connections: Int
    /// Of all header fields of a request.
    public var headerBytes: Int

    public init(
        requestsPerSecond: Int? = nil, isBehindProxy: Bool = false, idleTimeout: Duration = .seconds(30),
        connections: Int = 12_000, headerBytes: Int = 16_384
    ) {
        self.requestsPerSecond = requestsPerSecond
        self.isBehindProxy = isBehindProxy
        self.idleTimeout = idleTimeout
        self.connections = connections
        self.headerBytes = headerBytes
    }
}

/// A request's context, with the address that it came from.
public struct ClientContext: RemoteAddressRequestContext {
    public var coreContext: CoreRequestContextStorage
    public let remoteAddress: SocketAddress?

    public init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}

/// Builds HTTP servers that outlast clients who ask too often, too slowly or too much, and compress what they answer.
public enum APIServer {
    /// - Parameter onServerRunning: Is told once which port it is.
    public static func application(
        _ router: Router<ClientContext>, host: String, port: Int, limits: ServerLimits,
        onServerRunning: @escaping @Sendable (Int) -> Void, logger: Logger
    ) -> some ApplicationProtocol {
        Application(
            responder: LimitedResponder(base: router.buildResponder(), limits: limits),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: handlers(), idleTimeout: .init(limits.idleTimeout),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                        maxHeaderFieldCount: 100))),
            configuration: .init(
                address: .hostname(host, port: port), serverName: "affine", backlog: 1_024,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: logger)),
            onServerRunning: { onServerRunning($0.localAddress?.port ?? 0) }, logger: logger)
    }

    /// Compresses what `LimitedResponder` says varies with what is accepted. The compressor is one of HTTP/1's own types,
    /// and takes each answer for one to a request that it has seen: so it is kept from those to what is no request.
    private static func handlers() -> [any RemovableChannelHandler] {
        [
            HTTPToHTTP1ServerCodec(),
            HTTPServerProtocolErrorHandler(),
            CloseAfterParserError(),
            HTTPResponseCompressor { head, _ in
                head.headers[canonicalForm: "vary"].contains("Accept-Encoding") ? .compressIfPossible : .doNotCompress
            },
            HTTP1ToHTTPServerCodec(secure: false),
        ]
    }
}

/// Ends a connection on which something came that is no request; the handler before it has answered.
private final class CloseAfterParserError: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else { return context.fireErrorCaught(error) }
        context.close(promise: nil)
    }
}

/// Refuses clients that ask too often, and says which answers are worth compressing.
private struct LimitedResponder<Base: HTTPResponder<ClientContext>>: HTTPResponder {
    let base: Base
    let isBehindProxy: Bool
    let rate: ClientRate?

    init(base: Base, limits: ServerLimits) {
        self.base = base
        isBehindProxy = limits.isBehindProxy
        rate = limits.requestsPerSecond.map { ClientRate(requestsPerSecond: $0) }
    }

    @Sendable func respond(to request: Request, context: ClientContext) async throws -> Response {
        if let wait = rate?.refusal(of: client(request, context)) { return Self.tooMany(wait) }
        var response = try await base.respond(to: request, context: context)
        if request.method == .get, Self.isCompressible(response) {
            response.headers[.vary] = "Accept-Encoding"
        }
        return response
    }

    /// Text that is long enough to gain from it. Events are left as they are: each has to arrive when it happens.
    private static func isCompressible(_ response: Response) -> Bool {
        let type = response.headers[.contentType] ?? ""
        return (response.body.contentLength ?? .max) >= 1_024 && !type.hasPrefix("text/event-stream")
            && (type.hasPrefix("text/") || type.hasPrefix("application/json"))
    }

    private func client(_ request: Request, _ context: ClientContext) -> String {
        let chain = isBehindProxy ? request.headers.last { $0.name.canonicalName == "x-forwarded-for" }?.value : nil
        let forwarded = chain?.split(separator: ",").last.map { String($0.filter { $0 != " " }) }
        let address = forwarded ?? context.remoteAddress?.ipAddress
        return ClientRate.client(of: address ?? "")
    }

    private static func tooMany(_ wait: Duration) -> Response {
        let seconds = wait.components.seconds + (wait.components.attoseconds > 0 ? 1 : 0)
        return Response(
            status: .tooManyRequests,
            headers: [.contentType: "application/json", .retryAfter: "\(seconds)", .accessControlAllowOrigin: "*"],
            body: .init(byteBuffer: .init(string: #"{"detail":"too many requests: ask again in \#(seconds) s"}"#)))
    }
}
