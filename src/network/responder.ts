/**
 * The answering side of a dial: lets a bounded number in, opens a stream for each and answers. Everything else gets
 * silence.
 */
import type { SocketAddress } from './address.js';
import { type Answer, type Dial, decodeDial, encodeAnswer } from './dial-datagram.js';
import { DialGate } from './dial-gate.js';
import type { UdpPort, UdxStream } from './udp-port.js';

export interface ResponderOptions {
  readonly port: Pick<UdpPort, 'send' | 'freeStreamId' | 'openStream'>;
  /** 32 bytes, `dialKey` of the share. */
  readonly key: Uint8Array;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Makes a session of the stream; settles, and never rejects, when it is one or has failed. */
  readonly connect: (stream: UdxStream, answer: Answer, source: SocketAddress) => Promise<void>;
}

export class Responder {
  readonly #options: ResponderOptions;
  readonly #gate = new DialGate();

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** Takes what claims to be a dial; `bytes` is borrowed. */
  take(bytes: Uint8Array, source: SocketAddress): 'taken' | 'foreign' | 'turnedAway' {
    const { key, now, port } = this.#options;
    const dial = decodeDial(bytes, key);
    if (dial === undefined) return 'foreign';
    const admission = this.#gate.admit(dial, source, now());
    if (admission.kind === 'drop') return 'turnedAway';
    if (admission.kind === 'repeat') port.send(admission.answer, source);
    else this.#accept(dial, source);
    return 'taken';
  }

  #accept(dial: Dial, source: SocketAddress): void {
    const { connect, key, port } = this.#options;
    const answer: Answer = { ...dial, responderStreamId: port.freeStreamId() };
    const stream = port.openStream(answer.responderStreamId, dial.diallerStreamId, source);
    const encoded = encodeAnswer(answer, key);
    this.#gate.remember(dial, source, encoded);
    port.send(encoded, source);
    void connect(stream, answer, source).finally(() => this.#gate.settle());
  }
}
