// CRC32c, the checksum by Castagnoli: what PROXY protocol v2 may carry. Node's zlib has the other CRC-32 only.

/** The polynomial 0x1EDC6F41 with its bits reversed (RFC 9260 appendix A). */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
  return crc;
});

/** Checksum of `bytes[start, end)`, unsigned, in which the bytes of `[zeroFrom, zeroTo)` count as zeros. */
export function crc32c(bytes: Uint8Array, start: number, end: number, zeroFrom = end, zeroTo = end): number {
  let crc = 0xffffffff;
  for (let i = start; i < end; i++) {
    const byte = i >= zeroFrom && i < zeroTo ? 0 : bytes[i]!;
    crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff]!;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
