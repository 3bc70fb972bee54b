internal import CCurl

/// One request inside libcurl and what has arrived of its answer; lives on the loop's thread only.
final class Transfer {
    private let request: CheckedRequest
    private let easy: UnsafeMutableRawPointer?
    /// Not zero once libcurl wanted to connect to an address that is not public.
    private let refusal = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private var answer: PartialAnswer

    init(_ request: CheckedRequest, id: UInt64, settings: HTTPClientSettings) {
        self.request = request
        easy = curl_easy_init()
        refusal.initialize(to: 0)
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        answer = PartialAnswer(maximumBodyBytes: request.maximumResponseBytes)
        guard let easy else { return }
        ccurl_set_pointer(easy, CURLOPT_PRIVATE, UnsafeMutableRawPointer(bitPattern: UInt(id)))
        setConnection(easy, settings: settings)
        setRequest(easy, settings: settings)
        setReceivers(easy)
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(headerList)
        errorText.deallocate()
        refusal.deallocate()
    }

    /// Whose handle this is.
    static func id(of easy: UnsafeMutableRawPointer?) -> UInt64? {
        var address: UnsafeMutablePointer<CChar>?
        guard let easy, ccurl_get_private(easy, &address) == CURLE_OK else { return nil }
        return UInt64(UInt(bitPattern: address))
    }

    /// Begins; false when libcurl does not take it.
    func join(_ multi: UnsafeMutableRawPointer) -> Bool {
        guard let easy else { return false }
        return curl_multi_add_handle(multi, easy) == CURLM_OK
    }

    /// Ends, closing the connection unless the answer was whole.
    func leave(_ multi: UnsafeMutableRawPointer) {
        if let easy { curl_multi_remove_handle(multi, easy) }
    }

    /// Whether there is a connection and the request goes over it.
    var isUnderWay: Bool {
        var microseconds: curl_off_t = 0
        ccurl_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds)
        return microseconds > 0
    }

    func result(_ status: CURLcode) -> Result<HTTPResponse, HTTPError> {
        if let excess = answer.excess { return .failure(request.error(.responseTooLarge, excess)) }
        guard status == CURLE_OK else {
            if refusal.pointee != 0 {
                return .failure(request.error(.invalidURL, "the host's address is not public"))
            }
            let text = String(cString: errorText)
            return .failure(
                request.error(HTTPError.Code(status), text.isEmpty ? String(cString: curl_easy_strerror(status)) : text)
            )
        }
        // libcurl takes a connection's end among the headers for the end of the answer.
        guard answer.isInBody else {
            return .failure(request.error(.connectionFailed, "the connection ended among the answer's headers"))
        }
        var code = 0
        ccurl_get_long(easy, CURLINFO_RESPONSE_CODE, &code)
        return .success(HTTPResponse(status: code, headers: answer.headers, body: answer.body))
    }

    private func setConnection(_ easy: UnsafeMutableRawPointer, settings: HTTPClientSettings) {
        ccurl_set_text(easy, CURLOPT_URL, request.url.text)
        ccurl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        ccurl_set_text(easy, CURLOPT_UNIX_SOCKET_PATH, request.unixSocket)
        // The empty name also keeps libcurl from reading the environment for one.
        ccurl_set_text(easy, CURLOPT_PROXY, "")
        // With one transfer to a connection, no slow answer holds up another and the bounds mean what they say.
        ccurl_set_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        let (seconds, attoseconds) = request.connectTimeout.components
        let milliseconds = Int(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, max(milliseconds, 1))
        ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        // For what arrives, in each transfer: libcurl's own 16 KiB are most of what thousands of waiting ones take.
        ccurl_set_long(easy, CURLOPT_BUFFERSIZE, 2 << 10)
        // Without it, giving up a transfer waits for a name server's answer.
        ccurl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
        ccurl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        ccurl_set_close_on_exec(easy)
        if request.onlyPublicAddresses { ccurl_set_public_only(easy, refusal) }
        ccurl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
        ccurl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2)
        if let file = settings.authoritiesFile { ccurl_set_text(easy, CURLOPT_CAINFO, file) }
        ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
    }

    private func setRequest(_ easy: UnsafeMutableRawPointer, settings: HTTPClientSettings) {
        if let body = request.body ?? (["POST", "PUT", "PATCH"].contains(request.method) ? [] : nil) {
            ccurl_set_long(easy, CURLOPT_POST, 1)
            ccurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
            // An empty array has no address, which libcurl would take for a body still to be read.
            let bytes = body.isEmpty ? [0] : body
            bytes.withUnsafeBytes { raw in
                let address = UnsafeMutableRawPointer(mutating: raw.baseAddress)
                _ = ccurl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, address)
            }
        } else if request.method == "HEAD" {
            ccurl_set_long(easy, CURLOPT_NOBODY, 1)
        }
        ccurl_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method)
        ccurl_set_text(easy, CURLOPT_USERAGENT, settings.userAgent)
        ccurl_set_text(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate")
        // Names without a value take out what libcurl adds by itself.
        var lines = ["Expect:"]
        if !request.headers.contains(where: { HTTPHeaders.areSame($0.name, "content-type") }) {
            lines.append("Content-Type:")
        }
        lines += request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        for line in lines { headerList = curl_slist_append(headerList, line) ?? headerList }
        ccurl_set_list(easy, CURLOPT_HTTPHEADER, headerList)
    }

    private func setReceivers(_ easy: UnsafeMutableRawPointer) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        if request.method != "HEAD" {
            ccurl_set_offset(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(request.maximumResponseBytes))
        }
        ccurl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        ccurl_set_receiver(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            Transfer.receive(bytes, size * count, context) { $0.answer.append(body: $1) }
        }
        ccurl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        ccurl_set_receiver(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            Transfer.receive(bytes, size * count, context) { $0.answer.append(headerLine: $1) }
        }
    }

    /// Any other number than the count it was given makes libcurl end the transfer.
    private static func receive(
        _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ context: UnsafeMutableRawPointer?,
        _ append: (Transfer, UnsafeRawBufferPointer) -> Bool
    ) -> Int {
        guard let context, count > 0 else { return count }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        return append(transfer, UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
    }
}
