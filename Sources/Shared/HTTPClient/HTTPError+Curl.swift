internal import CCurl

extension HTTPError.Code {
    /// What libcurl's status means to a caller.
    init(_ status: CURLcode) {
        self =
            switch status {
            // Only connecting is timed by libcurl.
            case CURLE_OPERATION_TIMEDOUT, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_GOT_NOTHING,
                CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE:
                .connectionFailed
            case CURLE_FILESIZE_EXCEEDED:
                .responseTooLarge
            case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
                CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_SHUTDOWN_FAILED,
                CURLE_SSL_INVALIDCERTSTATUS, CURLE_USE_SSL_FAILED:
                .tlsFailed
            case CURLE_URL_MALFORMAT:
                .invalidURL
            default:
                .protocolError
            }
    }
}
