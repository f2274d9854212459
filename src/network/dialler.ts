/**
 * The asking side of a dial: sends the dial datagram until it is answered or given up. Who waits decides for how
 * long; the number of dials under way is bounded.
 */
import { randomBytes } from 'node:crypto';
import { ShoalError } from '../error.js';
import type { SocketAddress } from './address.js';
import { type Answer, decodeAnswer, encodeDial, nonceBytes } from './dial-datagram.js';
import type { UdpPort } from './udp-port.js';

/** Dials that wait for their answer. */
const dialsMax = 64;
const firstRepeatMs = 250;

interface PendingDial {
  readonly diallerStreamId: number;
  readonly resolve: (answer: Answer) => void;
}

export class Dialler {
  readonly #port: Pick<UdpPort, 'send' | 'freeStreamId'>;
  readonly #key: Uint8Array;
  readonly #pending = new Map<string, PendingDial>();

  /** @param key - 32 bytes, `dialKey` of the share */
  constructor(port: Pick<UdpPort, 'send' | 'freeStreamId'>, key: Uint8Array) {
    this.#port = port;
    this.#key = key;
  }

  /**
   * Asks `to` for a stream.
   * @throws the signal's reason when it aborts; ShoalError LIMIT when too many dials are under way
   */
  ask(to: SocketAddress, signal: AbortSignal): Promise<Answer> {
    if (this.#pending.size >= dialsMax) {
      return Promise.reject(new ShoalError('LIMIT', `${dialsMax} dials are under way: dial again later.`));
    }
    const nonce = Uint8Array.from(randomBytes(nonceBytes));
    const diallerStreamId = this.#port.freeStreamId();
    const datagram = encodeDial({ nonce, diallerStreamId }, this.#key);
    return this.#repeat(() => this.#port.send(datagram, to), { nonce, diallerStreamId, signal });
  }

  /** Takes what claims to be an answer. @returns whether it was one that is waited for */
  take(bytes: Uint8Array): boolean {
    const answer = decodeAnswer(bytes, this.#key);
    const pending = answer && this.#pending.get(keyOf(answer.nonce));
    if (
      answer?.diallerStreamId !== pending?.diallerStreamId ||
      answer === undefined ||
      pending === undefined
    ) {
      return false;
    }
    pending.resolve(answer);
    return true;
  }

  #repeat(
    send: () => void,
    dial: { nonce: Uint8Array; diallerStreamId: number; signal: AbortSignal },
  ): Promise<Answer> {
    const { nonce, diallerStreamId, signal } = dial;
    let timer: NodeJS.Timeout | undefined;
    const sendAndRepeat = (afterMs: number) => {
      send();
      timer = setTimeout(() => sendAndRepeat(afterMs * 2), afterMs);
    };
    return new Promise<Answer>((resolve, reject) => {
      signal.throwIfAborted();
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#pending.set(keyOf(nonce), { diallerStreamId, resolve });
      sendAndRepeat(firstRepeatMs);
    }).finally(() => {
      clearTimeout(timer);
      this.#pending.delete(keyOf(nonce));
    });
  }
}

const keyOf = (nonce: Uint8Array): string => Buffer.from(nonce).toString('hex');
