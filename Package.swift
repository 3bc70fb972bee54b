// swift-tools-version: 6.2
import PackageDescription

/// Every target is built in Swift 6 mode with these upcoming features; each target's `Features.swift` proves they are on.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

/// What coordinator and worker both speak. Neither of those sees the other, and a worker does not see `Rules`.
let shared: [Target] = [
    .systemLibrary(
        name: "CCrypto", path: "Sources/Shared/Digest/CCrypto", pkgConfig: "libcrypto",
        providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
        name: "CCurl", path: "Sources/Shared/HTTPClient/CCurl", pkgConfig: "libcurl",
        providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(
        name: "CPostgres", path: "Sources/Shared/Postgres/CPostgres", pkgConfig: "libpq",
        providers: [.apt(["libpq-dev"])]),
    .target(name: "Domain", path: "Sources/Shared/Domain", swiftSettings: strict),
    .target(
        name: "Processes", dependencies: [systemPackage], path: "Sources/Shared/Processes", swiftSettings: strict),
    .target(
        name: "Digest", dependencies: ["CCrypto"], path: "Sources/Shared/Digest", exclude: ["CCrypto"],
        swiftSettings: strict),
    .target(
        name: "Rules", dependencies: ["Domain", "Digest"], path: "Sources/Shared/Rules", exclude: ["README.md"],
        swiftSettings: strict),
    .target(
        name: "Statistics", dependencies: ["Domain", "Digest", "Rules"], path: "Sources/Shared/Statistics",
        swiftSettings: strict),
    .target(
        name: "Postgres", dependencies: ["CPostgres", logging], path: "Sources/Shared/Postgres", exclude: ["CPostgres"],
        swiftSettings: strict + [.strictMemorySafety()]),
    .target(
        name: "Records", dependencies: ["Domain", "Postgres"], path: "Sources/Shared/Records", swiftSettings: strict),
    .target(
        name: "Migrating", dependencies: ["Postgres", logging], path: "Sources/Shared/Migrating", swiftSettings: strict),
    .target(
        name: "LocalCluster", dependencies: ["Postgres", logging, subprocess, systemPackage],
        path: "Sources/Shared/LocalCluster", swiftSettings: strict),
    .target(
        name: "HTTPClient", dependencies: ["CCurl"], path: "Sources/Shared/HTTPClient", exclude: ["CCurl"],
        swiftSettings: strict),
    .target(
        name: "Inference", dependencies: ["Domain", "HTTPClient"], path: "Sources/Shared/Inference",
        swiftSettings: strict),
    .target(
        name: "ArenaAPI", dependencies: ["Domain", "HTTPClient"], path: "Sources/Shared/ArenaAPI",
        swiftSettings: strict),
]

let tests: [Target] = [
    .testTarget(
        name: "EnvironmentsTests", dependencies: ["Digest", "Domain", "Environments", "Inference"],
        swiftSettings: strict),
    .testTarget(
        name: "EnvironmentServerTests",
        dependencies: [
            "Domain", "Environments", "EnvironmentServer", "Inference", hummingbird, httpTypes, logging, nioCore,
            .product(name: "NIOEmbedded", package: "swift-nio"),
        ], swiftSettings: strict),
    .target(
        name: "TestSupport",
        dependencies: [
            "Domain", "Environments", "LocalCluster", "Migrating", "Migrations", "Postgres", "Processes", logging,
            subprocess, systemPackage,
        ], path: "Tests/TestSupport",
        exclude: ["Podman/podman-service", "Podman/environment_image.py", "Podman/environment_server.py"],
        swiftSettings: strict),
    .testTarget(name: "ProcessesTests", dependencies: ["Processes", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "TestSupportTests", dependencies: ["Postgres", "TestSupport"], swiftSettings: strict),
    .testTarget(
        name: "RulesTests", dependencies: ["Rules", "Domain", "Digest", "Environments", "TestSupport", subprocess],
        exclude: ["Vectors", "window_check.py"], swiftSettings: strict),
    .testTarget(
        name: "StatisticsTests",
        dependencies: ["Statistics", "Domain", "Rules", "TestSupport", subprocess, systemPackage],
        exclude: ["statistics_check.py"], swiftSettings: strict),
    .testTarget(name: "PostgresTests", dependencies: ["Postgres", "TestSupport", logging], swiftSettings: strict),
    .testTarget(
        name: "MigratingTests", dependencies: ["Migrating", "Migrations", "Postgres", "TestSupport", logging],
        swiftSettings: strict),
    .testTarget(
        name: "LocalClusterTests", dependencies: ["LocalCluster", "Postgres", "TestSupport", logging],
        swiftSettings: strict),
    .testTarget(name: "HTTPClientTests", dependencies: ["HTTPClient", "TestSupport"], swiftSettings: strict),
    .testTarget(
        name: "InferenceTests", dependencies: ["Domain", "HTTPClient", "Inference", "TestSupport"],
        swiftSettings: strict),
    .testTarget(
        name: "CoordinatorTests",
        dependencies: [
            "Coordinator", "CoordinatorAPI", "CoordinatorDashboard", "Domain", "Digest", "HTTPClient", "Inference",
            "LocalCluster", "Migrating",
            "Migrations", "Postgres",
            "Records",
            "Rules", "TestSupport", hummingbird, logging, nioCore, subprocess, systemPackage,
        ],
        exclude: ["API/browser.py"], swiftSettings: strict),
    .testTarget(
        name: "ContainersTests",
        dependencies: [
            "Containers", "Domain", "EnvironmentCalls", "HTTPClient", "Inference", "Processes", "TestSupport", logging,
        ],
        swiftSettings: strict),
    .testTarget(
        name: "WorkerTests",
        dependencies: [
            "Worker", "Containers", "Domain", "EnvironmentCalls", "Environments", "HTTPClient", "Migrating",
            "Migrations", "Postgres", "TestSupport",
            logging,
            serviceLifecycle,
        ], exclude: ["Engine/engine.py"], swiftSettings: strict),
    .testTarget(
        name: "AffineTests", dependencies: ["Affine", "TestSupport"], swiftSettings: strict),
    .testTarget(
        name: "SystemTests",
        dependencies: ["Domain", "LocalCluster", "Postgres", "TestSupport", logging, subprocess, systemPackage],
        path: "Tests/System", exclude: ["Chaos/clock.c", "Engine", "Tracing/receiver.py"],
        swiftSettings: strict),
]

/// Programs on the library, as anybody would write them: without our settings.
let examples: [Target] = [
    .executableTarget(name: "evaluate-miners", dependencies: ["Affine"], path: "Examples/evaluate-miners"),
    .executableTarget(name: "evaluate-model", dependencies: ["Affine"], path: "Examples/evaluate-model"),
]

/// What libFuzzer runs, which brings a `main` of its own: `Fuzzing/run` asks for it.
let fuzzing: [Target] =
    Context.environment["AFFINE_FUZZ"] == nil
    ? []
    : [
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "Coordinator", "Domain", "EnvironmentCalls", "EnvironmentServer", "HTTPClient", "Inference", "Rules",
            ],
            path: "Fuzzing", exclude: ["corpus", "run"], swiftSettings: strict)
    ]

let package = Package(
    name: "affine",
    products: [
        .executable(name: "af", targets: ["af"]),
        .library(name: "Affine", targets: ["Affine"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: shared + [
        .target(
            name: "Migrations", dependencies: ["Migrating"], path: "Migrations", exclude: ["SHA256SUMS"],
            resources: [
                .embedInCode("0001_core.sql"), .embedInCode("0002_contests.sql"), .embedInCode("0003_queue.sql"),
                .embedInCode("0004_worker_functions.sql"), .embedInCode("0005_reporting.sql"),
                .embedInCode("0006_ops.sql"), .embedInCode("0007_fair_queue.sql"), .embedInCode("0008_backups.sql"),
                .embedInCode("0009_settling.sql"), .embedInCode("0010_database_health.sql"),
                .embedInCode("0011_idle_workers.sql"), .embedInCode("0012_lone_jobs.sql"),
                .embedInCode("0013_certificates.sql"),
                .embedInCode("0014_cluster_spans.sql"),
                .embedInCode("0015_reruns.sql"),
                .embedInCode("0016_audit.sql"),
                .embedInCode("0017_chain.sql"),
                .embedInCode("0018_public.sql"),
                .embedInCode("0019_environments.sql"),
                .embedInCode("0020_metrics.sql"),
                .embedInCode("0021_transcripts.sql"),
                .embedInCode("0022_placement.sql"),
                .embedInCode("0023_containers.sql"),
                .embedInCode("0024_shared_deployments.sql"),
                .embedInCode("0025_benchmarks.sql"),
                .embedInCode("0026_derived_environments.sql"),
                .embedInCode("0027_timeline.sql"),
                .embedInCode("0028_operator_tokens.sql"),
                .embedInCode("0029_attempt_minutes.sql"),
                .embedInCode("0030_attempt_minute_columns.sql"),
                .embedInCode("0031_ended_evaluations.sql"),
                .embedInCode("0032_window_archives.sql"),
                .embedInCode("0033_look_ahead.sql"),
                .embedInCode("0034_copy_checks.sql"),
                .embedInCode("0035_attempt_sums.sql"),
                .embedInCode("0036_costs_and_errors.sql"),
                .embedInCode("0037_planner_statistics.sql"),
            ], swiftSettings: strict),
        .target(
            name: "Coordinator",
            dependencies: [
                "ArenaAPI", "Domain", "Digest", "Rules", "Statistics", "Postgres", "Records", "HTTPClient", "Inference",
                logging, serviceLifecycle, subprocess, systemPackage, .product(name: "Yams", package: "Yams"),
            ],
            exclude: ["API", "Dashboard"],
            resources: [.embedInCode("Windows/Definitions/known-environments.yaml")], swiftSettings: strict),
        .target(
            name: "CoordinatorAPI",
            dependencies: [
                "Coordinator", "Domain", "Digest", "Rules", "Statistics", "Postgres", "Records", httpTypes, hummingbird,
                logging, nioCore, serviceLifecycle,
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
            ],
            path: "Sources/Coordinator/API", resources: [.embedInCode("openapi.json"), .embedInCode("operator.json")],
            swiftSettings: strict),
        .target(
            name: "CoordinatorDashboard",
            dependencies: [
                "Coordinator", "CoordinatorAPI", "Domain", "Digest", "Rules", "Statistics", "Postgres", "Records",
                httpTypes,
                hummingbird,
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            path: "Sources/Coordinator/Dashboard",
            resources: ["page", "now", "board", "table", "contest", "task"].map {
                .embedInCode("Templates/\($0).mustache")
            }
                + [.embedInCode("Templates/style.css"), .embedInCode("Templates/live.js")], swiftSettings: strict),
        .target(
            name: "Environments", dependencies: ["Domain", "Digest", "Inference", subprocess, systemPackage],
            exclude: ["Calling", "Containers", "Server"], swiftSettings: strict),
        .target(
            name: "Containers", dependencies: ["Domain", "HTTPClient", "Processes", logging],
            path: "Sources/Environments/Containers", swiftSettings: strict),
        .target(
            name: "EnvironmentCalls",
            dependencies: ["Containers", "Domain", "Environments", "HTTPClient", "Inference"],
            path: "Sources/Environments/Calling", swiftSettings: strict),
        .target(
            name: "EnvironmentServer",
            dependencies: ["Domain", "Environments", "Inference", httpTypes, hummingbird, nioCore],
            path: "Sources/Environments/Server", swiftSettings: strict),
        .target(
            name: "Worker",
            dependencies: [
                "Containers", "Digest", "Domain", "EnvironmentCalls", "Environments", "HTTPClient", "Inference",
                "Postgres",
                "Processes", "Records", logging, serviceLifecycle, subprocess, systemPackage,
            ], swiftSettings: strict),
        .target(
            name: "Affine",
            dependencies: [
                "ArenaAPI", "Domain", "EnvironmentCalls", "Environments", "HTTPClient", "Inference", "Statistics",
            ], path: "Sources/SDK", swiftSettings: strict),
        .executableTarget(
            name: "af",
            dependencies: [
                "Affine", "ArenaAPI", "Domain", "Digest", "Rules", "Statistics", "Coordinator", "CoordinatorAPI",
                "CoordinatorDashboard", "Worker", "Containers", "Environments", "Processes",
                "EnvironmentCalls", "EnvironmentServer",
                "HTTPClient",
                "Inference", "LocalCluster", "Migrating",
                "Migrations", "Postgres", argumentParser, hummingbird, logging, serviceLifecycle, subprocess,
                systemPackage,
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Configuration", package: "swift-configuration"),
                httpTypes, nioCore,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("Demo/real-models/serve.py"), .embedInCode("Demo/real-models/requirements.txt")],
            swiftSettings: strict),
    ] + examples + tests + fuzzing
)
