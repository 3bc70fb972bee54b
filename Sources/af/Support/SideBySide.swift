/// Two texts beside each other, each wrapped to half of a line.
enum SideBySide {
    /// - Parameters:
    ///   - width: Of a whole line, in characters.
    ///   - most: Lines of either text; the last one says how many are left out.
    static func lines(_ left: String, _ right: String, width: Int, most: Int = .max) -> [String] {
        let half = max(20, (width - 3) / 2)
        let (left, right) = (column(left, half, most), column(right, half, most))
        return (0..<max(left.count, right.count)).map { index in
            let (first, second) = (index < left.count ? left[index] : "", index < right.count ? right[index] : "")
            return Output.pad(first, to: half) + " │ " + second
        }
    }

    private static func column(_ text: String, _ width: Int, _ most: Int) -> [String] {
        let lines = text.replacing("\t", with: "    ").split(separator: "\n", omittingEmptySubsequences: false)
            .flatMap { wrapped($0, width) }
        guard lines.count > most else { return lines }
        return lines.prefix(max(0, most - 1)) + ["[\(lines.count - most + 1) more lines]"]
    }

    private static func wrapped(_ line: Substring, _ width: Int) -> [String] {
        var (rest, parts) = (line, [] as [String])
        while rest.count > width {
            parts.append(String(rest.prefix(width)))
            rest = rest.dropFirst(width)
        }
        return parts + [String(rest)]
    }
}
