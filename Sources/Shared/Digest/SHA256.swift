internal import CCrypto

/// The SHA-256 digest (FIPS 180-4) of some bytes, computed by OpenSSL.
public struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
    /// The 32 bytes of the digest.
    public let bytes: [UInt8]

    /// Hashes `message`, which may be empty.
    public init(of message: [UInt8]) {
        var output = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        let status = EVP_Digest(message, message.count, &output, &length, EVP_sha256(), nil)
        precondition(status == 1 && length == 32, "OpenSSL could not compute SHA-256")
        bytes = output
    }

    /// Hashes the UTF-8 bytes of `text`.
    public init(of text: String) {
        self.init(of: Array(text.utf8))
    }

    /// Takes a digest that was stored: exactly 32 bytes, else nil.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// Whether it is another one, in a time that does not tell where they differ.
    public func isEqualInConstantTime(to other: SHA256Digest) -> Bool {
        CRYPTO_memcmp(bytes, other.bytes, bytes.count) == 0
    }

    /// Lower-case hexadecimal, 64 characters.
    public var hex: String { Self.hex(bytes) }

    public var description: String { hex }

    /// Lower-case hexadecimal of any bytes, two characters each.
    public static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
