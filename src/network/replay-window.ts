/**
 * Which counters of a sealed stream of datagrams were seen: each is accepted once, out of order within a window,
 * never below it. The sliding bitmap of RFC 6479, with words of 32 bits.
 */

/** How far behind the newest counter a datagram may arrive. */
export const replayWindow = 1024;
const wordBits = 32;
/** One word more than the window, so that the word being filled is never one still in use. */
const words = replayWindow / wordBits + 1;

export class ReplayWindow {
  readonly #seen = new Uint32Array(words);
  #newest = -1;

  /** Whether `counter` is new; it is not, afterwards. Call only for what is authentic. */
  accept(counter: number): boolean {
    if (counter <= this.#newest - replayWindow) return false;
    const word = Math.floor(counter / wordBits);
    if (counter > this.#newest) {
      this.#clear(Math.floor(this.#newest / wordBits), word);
      this.#newest = counter;
    }
    const bit = 1 << (counter % wordBits);
    const index = word % words;
    const seen = this.#seen[index] ?? 0;
    if ((seen & bit) !== 0) return false;
    this.#seen[index] = seen | bit;
    return true;
  }

  /** Empties the words after `from`, up to `to`. */
  #clear(from: number, to: number): void {
    const first = Math.max(from + 1, to - words + 1);
    for (let word = first; word <= to; word++) this.#seen[word % words] = 0;
  }
}
