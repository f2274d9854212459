/** CRC-32C (Castagnoli), eight bytes at a time: the checksum of LevelDB's files, which Node does not have. */
const polynomial = 0x82f63b78;
const slices = 8;
const maskDelta = 0xa282ead8;

/** `tables[256 * n + byte]`: what `byte` does to the checksum with `n` more bytes behind it. */
const tables = makeTables();

function makeTables(): Uint32Array {
  const made = new Uint32Array(256 * slices);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    made[byte] = crc >>> 0;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256] ?? 0;
    made[at] = (before >>> 8) ^ (made[before & 0xff] ?? 0);
  }
  return made;
}

/** The CRC-32C of `bytes`. */
export function crc32c(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entry = (slice: number, byte: number): number => tables[256 * slice + (byte & 0xff)] as number;
  let crc = 0xffffffff;
  let at = 0;
  for (; at + slices <= bytes.length; at += slices) {
    const low = view.getUint32(at, true) ^ crc;
    const high = view.getUint32(at + 4, true);
    crc =
      entry(7, low) ^
      entry(6, low >>> 8) ^
      entry(5, low >>> 16) ^
      entry(4, low >>> 24) ^
      entry(3, high) ^
      entry(2, high >>> 8) ^
      entry(1, high >>> 16) ^
      entry(0, high >>> 24);
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ entry(0, crc ^ view.getUint8(at));
  return ~crc >>> 0;
}

/** Whether `masked` is the checksum of `bytes` as LevelDB writes it: rotated and moved, as it may lie among what it checks. */
export function isMaskedCrc32c(bytes: Uint8Array, masked: number): boolean {
  const rotated = (masked - maskDelta) >>> 0;
  return crc32c(bytes) === ((rotated >>> 17) | (rotated << 15)) >>> 0;
}
