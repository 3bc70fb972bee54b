internal import CCrypto

/// SHA-256 over bytes that come piece by piece.
public final class SHA256Hasher {
    private let context: OpaquePointer

    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("OpenSSL has no memory for SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    public func update(_ bytes: [UInt8]) {
        precondition(EVP_DigestUpdate(context, bytes, bytes.count) == 1, "OpenSSL could not compute SHA-256")
    }

    /// The digest of everything that was given; the hasher then begins anew.
    public func finish() -> SHA256Digest {
        var output = [UInt8](repeating: 0, count: 32)
        let status = EVP_DigestFinal_ex(context, &output, nil)
        guard status == 1, EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1,
            let digest = SHA256Digest(bytes: output)
        else { preconditionFailure("OpenSSL could not compute SHA-256") }
        return digest
    }
}
