/** How a dial is cut short: by its caller, by the closing of the endpoint, or by the time it takes. */
import { ShoalError } from '../error.js';

/** Joins everything that may cut a dial short into one signal, whose reason is the error that the dial ends with. */
export class Cancellation {
  readonly #address: string;
  readonly #sources: readonly AbortSignal[];
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(address: string, sources: readonly (AbortSignal | undefined)[]) {
    this.#address = address;
    this.#sources = sources.filter((source) => source !== undefined);
    for (const source of this.#sources) source.addEventListener('abort', this.#cancel, { once: true });
    if (this.#sources.some((source) => source.aborted)) this.#cancel();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #cancel = (): void => {
    this.#controller.abort(this.#error('CANCELLED', `The dial of ${this.#address} was cancelled.`));
  };

  /** Ends the dial with UNREACHABLE unless `goOn` is called before. */
  giveUpAfter(ms: number): void {
    this.#timer = setTimeout(() => {
      const text = `${this.#address} did not answer in ${ms / 1000} s: it may be off, behind a firewall, or of another share.`;
      this.#controller.abort(this.#error('UNREACHABLE', text));
    }, ms);
  }

  goOn(): void {
    clearTimeout(this.#timer);
  }

  /** What `work` gives, unless the signal aborts first. */
  async race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    return await new Promise<T>((resolve, reject) => {
      signal.throwIfAborted();
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      work.then(resolve, reject);
    });
  }

  /** To be called when the dial is over. */
  dispose(): void {
    clearTimeout(this.#timer);
    for (const source of this.#sources) source.removeEventListener('abort', this.#cancel);
  }

  #error(code: 'CANCELLED' | 'UNREACHABLE', text: string): ShoalError {
    return new ShoalError(code, text, { data: { address: this.#address } });
  }
}
