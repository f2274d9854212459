/** Reads the fields of LevelDB's files, one behind another; `failed` once there were not enough bytes. */
export class FieldReader {
  failed = false;
  private at = 0;

  constructor(private readonly data: Uint8Array) {}

  get atEnd(): boolean {
    return this.at >= this.data.length;
  }

  /** A number of 7 bits a byte, least significant first. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      const byte = this.data[this.at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte === 0 && scale > 1) break; // LevelDB writes no number longer than it need be
      if (byte < 0x80) return value;
    }
    this.failed = true;
    return 0;
  }

  isRestZero(): boolean {
    return this.data.subarray(this.at).every((byte) => byte === 0);
  }

  /** The next `count` bytes, as a view. */
  bytes(count: number): Uint8Array {
    const found = this.data.subarray(this.at, this.at + count);
    this.at += count;
    if (this.at > this.data.length) this.failed = true;
    return found;
  }
}
