internal import CCurl
internal import Glibc

extension HTTPResponse {
    /// How long the server asks to be left alone: `Retry-After` in seconds or as a date, at most a day; nil without it.
    ///
    /// A date is compared with the server's own `Date` when there is one, so that a wrong clock on either side does
    /// not matter.
    public var retryAfter: Duration? {
        guard let text = headers["retry-after"] else { return nil }
        let day = 86_400
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return .seconds(min(Int(text) ?? day, day))
        }
        let date = curl_getdate(text, nil)
        guard date >= 0 else { return nil }
        let answered = headers["date"].map { curl_getdate($0, nil) } ?? -1
        let now = answered >= 0 ? answered : time(nil)
        return .seconds(min(max(date - now, 0), day))
    }
}
