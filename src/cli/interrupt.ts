/**
 * SIGINT and SIGTERM. A command that takes `signal` is asked to end in order; a second one, or the first where no
 * one would listen, ends the process at once. That is safe: all state survives `kill -9`.
 */
import { exitCodes } from './exit-code.js';

/** What is needed of `process`. */
export interface SignalSource {
  on(name: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(name: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(code: number): unknown;
}

const signalNames = ['SIGINT', 'SIGTERM'] as const;

export class Interrupt {
  readonly #source: SignalSource;
  readonly #controller = new AbortController();
  readonly #onSignal = (): void => {
    if (!this.#isHeard || this.#controller.signal.aborted) this.#source.exit(exitCodes.interrupted);
    this.#controller.abort();
  };
  #isHeard = false;

  constructor(source: SignalSource) {
    this.#source = source;
    for (const name of signalNames) source.on(name, this.#onSignal);
  }

  /** Whoever takes it promises to end soon after it aborts. */
  get signal(): AbortSignal {
    this.#isHeard = true;
    return this.#controller.signal;
  }

  get isInterrupted(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Ends the command as a signal would. */
  trigger(): void {
    this.#controller.abort();
  }

  dispose(): void {
    for (const name of signalNames) this.#source.off(name, this.#onSignal);
  }
}
