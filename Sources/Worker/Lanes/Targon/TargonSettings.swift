public import Domain

/// How a worker has its models served by Targon.
public struct TargonSettings: Sendable {
    /// Where the engine listens in a workload.
    static let port = 8_000
    public static let usualImage = "lmsysorg/sglang:latest"

    public let account: TargonAccount
    /// What Targon calls the machine, such as `h200-small`.
    public let resource: String
    public let image: String
    public let template: EngineTemplate
    /// How long a model without work is kept.
    public var idle = Duration.seconds(300)
    /// How long a workload must have been nobody's before it is removed as a leftover.
    public var grace = Duration.seconds(120)
    /// From the first look at a workload until it has to serve its model.
    public var loadTimeout = Duration.seconds(1_800)
    /// Between two looks at a workload that loads; six times as long at one that serves.
    public var pace = Duration.seconds(5)
    /// Between two looks for leftovers.
    public var sweepInterval = Duration.seconds(60)

    /// - Throws: `InvalidValue` naming resource, image or engine.
    public init(
        account: TargonAccount, resource: String, image: String = usualImage, template: EngineTemplate
    ) throws(InvalidValue) {
        guard TargonName.isValid(resource) else {
            throw InvalidValue(field: "Targon resource", value: resource, expected: TargonName.expected)
        }
        guard !image.isEmpty, !image.contains(where: \.isWhitespace) else {
            throw InvalidValue(field: "Targon image", value: image, expected: "an image such as \(Self.usualImage)")
        }
        guard !template.uses("folder"), !template.uses("gpus") else {
            throw InvalidValue(
                field: "Targon arguments", value: template.description,
                expected: "a command without {folder} and {gpus}, which a workload does not have")
        }
        self.account = account
        self.resource = resource
        self.image = image
        self.template = template
    }

    /// As failures to load are counted.
    var host: String { account.host(of: resource) }

    /// What is asked of Targon for a model.
    package func order(for model: ModelReference) -> WorkloadOrder {
        let place = EnginePlace(host: host, address: "0.0.0.0", port: Self.port)
        let words = template.command(for: model, at: place, folder: "")
        return WorkloadOrder(
            name: account.workloadName(for: model, on: resource), image: image, resource: resource, port: Self.port,
            command: words)
    }
}
