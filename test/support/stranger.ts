/** Somebody who speaks Shoal's protocol from within a test: any device key, any message. */
import { EventEmitter, once } from 'node:events';
import { Endpoint, type Session } from '../../src/network/index.js';
import { layoutOf } from '../../src/share/layout.js';
import { readSecrets } from '../../src/share/secrets.js';
import { decodeMessage, encodeMessage, type Message } from '../../src/transfer/index.js';
import { generateKeyPair, type KeyPair, type ShareId } from '../../src/trust/index.js';
import { within } from './patience.js';
import type { Peer } from './peer.js';

/** An unanswered dial on loopback is known to be so after this. */
const dialTimeoutMs = 1000;

export class Stranger {
  readonly messages: Message[] = [];
  /** Why the session ended, once it has. */
  closed: string | undefined;
  readonly session: Session;
  readonly #endpoint: Endpoint;
  readonly #news = new EventEmitter();

  private constructor(endpoint: Endpoint, session: Session) {
    this.#endpoint = endpoint;
    this.session = session;
    session.start({
      onFrame: (frame) => {
        this.messages.push(decodeMessage(frame));
        this.#news.emit('news');
      },
      onDatagram: () => undefined,
      onClose: (reason) => {
        this.closed = reason;
        this.#news.emit('news');
      },
    });
  }

  /**
   * Dials `peer` as the device of `device`, a new one if not given.
   * @throws ShoalError UNREACHABLE or REFUSED
   */
  static async dial(peer: Peer, share: ShareId, device: KeyPair = generateKeyPair()): Promise<Stranger> {
    const endpoint = await Endpoint.open({
      share,
      device,
      host: '127.0.0.1',
      port: 0,
      dialTimeoutMs,
      authorise: () => 'member',
      onSession: (session) => session.close('nobody was expected'),
      onReport: () => undefined,
    });
    try {
      return new Stranger(endpoint, await endpoint.dial(peer.address));
    } catch (error) {
      await endpoint.close();
      throw error;
    }
  }

  say(message: Message): Promise<void> {
    return this.session.send(encodeMessage(message));
  }

  /** Resolves when a message of that type has come. */
  async hear<Type extends Message['type']>(type: Type): Promise<Extract<Message, { type: Type }>> {
    const isIt = (message: Message): message is Extract<Message, { type: Type }> => message.type === type;
    await this.#until(() => this.messages.some(isIt), `a message "${type}" came`);
    const heard = this.messages.find(isIt);
    if (heard === undefined) throw new Error(`No "${type}" came; the session ended: ${this.closed}`);
    return heard;
  }

  /** @returns why the session was ended by the other side */
  async untilClosed(): Promise<string> {
    await this.#until(() => false, 'the session was closed');
    return this.closed ?? '';
  }

  close(): Promise<void> {
    return this.#endpoint.close();
  }

  /** Resolves when it holds, or when the session has ended. */
  async #until(isReached: () => boolean, until: string): Promise<void> {
    while (!isReached() && this.closed === undefined)
      await within(once(this.#news, 'news'), { until, describe: () => JSON.stringify(this.messages) });
  }
}

/** The key of a replica that no process runs. */
export async function deviceKeyOf(peer: Peer): Promise<KeyPair> {
  return (await readSecrets(layoutOf(peer.directory))).device;
}
