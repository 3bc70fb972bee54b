public import ArgumentParser
import Coordinator
import Domain

/// Bounds of the arena, for commands that move it.
struct ArenaOptions: ParsableArguments {
    @Option(help: "Blocks after which the task pool is drawn anew.")
    var refreshBlocks: Int64 = 7_200

    @Option(help: "Hours a contest may take.")
    var contestHours: Int64 = 24

    @Option(help: "Hours the champion's baseline may take.")
    var baselineHours: Int64 = 6

    @Flag(inversion: .prefixedNo, help: "End a contest as soon as its verdict can no longer change.")
    var curtail = true

    @Option(
        help: ArgumentHelp(
            "The order of a challenger's environments; it never changes a verdict.",
            discussion: """
                auto: one after another, the one first in which a copy of the champion would be refuted soonest. \
                serial: one after another as they were defined. parallel: side by side.
                """))
    var environmentOrder = ArenaSettings.EnvironmentOrder.auto

    func validate() throws {
        for (name, value) in [
            ("--refresh-blocks", refreshBlocks), ("--contest-hours", contestHours), ("--baseline-hours", baselineHours),
        ] where value < 1 {
            throw ValidationError("\(name) '\(value)' is not valid: expected 1 or more")
        }
    }

    var settings: ArenaSettings {
        var settings = ArenaSettings()
        settings.refreshBlocks = refreshBlocks
        settings.contestDeadline = .seconds(contestHours * 3_600)
        settings.baselineDeadline = .seconds(baselineHours * 3_600)
        settings.curtail = curtail
        settings.environmentOrder = environmentOrder
        return settings
    }
}

extension ArenaSettings.EnvironmentOrder: ExpressibleByArgument {}
