/**
 * Peer link: one session with a member, as messages. It greets, decodes what comes, counts what is not valid, and
 * serves wants. What the messages mean for the share is the mesh's business.
 */
import { isShoalError, ShoalError } from '../error.js';
import { type Datagram, decodeDatagram } from '../gossip/index.js';
import type { Session } from '../network/index.js';
import { decodeMessage, encodeMessage, type Message } from '../transfer/index.js';
import type { DeviceId } from '../trust/index.js';
import type { Pacer } from './pacer.js';
import { PeerServer, type Served } from './server.js';

export type Hello = Extract<Message, { type: 'hello' }>;

/** All of them are called from the session, never from within a call to the link. */
export interface PeerLinkHandlers {
  readonly onHello: (link: PeerLink, hello: Hello) => void;
  /** Any message after the hello. May throw ShoalError: the message is not valid. */
  readonly onMessage: (link: PeerLink, message: Message) => void;
  readonly onDatagram: (link: PeerLink, datagram: Datagram) => void;
  /** Something that is not valid came; `text` completes "NAME sent ...". */
  readonly onInvalid: (link: PeerLink, text: string) => void;
  readonly onClose: (link: PeerLink, reason: string) => void;
  readonly onError: (error: unknown) => void;
}

export interface PeerLinkOptions {
  readonly session: Session;
  /** As dialled, or as seen if the peer dialled. */
  readonly address: string;
  readonly openedAt: number;
  readonly chunks: Served;
  /** Holds what is served to all peers together to a rate. */
  readonly pacer: Pacer;
  readonly hello: Hello;
  readonly handlers: PeerLinkHandlers;
}

/** Messages that are not valid before the session is closed. */
const invalidMax = 3;

export class PeerLink {
  readonly session: Session;
  readonly address: string;
  readonly openedAt: number;
  readonly #handlers: PeerLinkHandlers;
  readonly #server: PeerServer;
  #isGreeted = false;
  #isClosed = false;
  #invalid = 0;

  constructor(options: PeerLinkOptions) {
    this.session = options.session;
    this.address = options.address;
    this.openedAt = options.openedAt;
    this.#handlers = options.handlers;
    this.#server = new PeerServer(options.session, options.chunks, options.pacer);
    // Before anything else: `start` may deliver the peer's hello at once, and it is answered at once.
    this.send(options.hello);
  }

  get device(): DeviceId {
    return this.session.device;
  }

  /** Whether the peer's hello came. */
  get isGreeted(): boolean {
    return this.#isGreeted;
  }

  get payloadOut(): number {
    return this.#server.payloadOut;
  }

  /** Begins delivery. */
  start(): void {
    this.session.start({
      onFrame: (frame) => this.#guard('a message', () => this.#take(decodeMessage(frame))),
      onDatagram: (plain) =>
        this.#guard('a datagram', () => this.#handlers.onDatagram(this, decodeDatagram(plain))),
      onClose: (reason) => {
        if (!this.#isClosed) this.#handlers.onClose(this, reason);
      },
    });
  }

  send(message: Message): void {
    this.session.send(encodeMessage(message)).catch((error: unknown) => this.#failed(error));
  }

  /** Ends the session; the handlers are not called any more. */
  close(reason: string): void {
    this.#isClosed = true;
    this.#server.close();
    this.session.close(reason);
  }

  #take(message: Message): void {
    if (message.type === 'hello') {
      if (this.#isGreeted) throw new ShoalError('MALFORMED', 'a second hello');
      this.#isGreeted = true;
      this.#handlers.onHello(this, message);
      return;
    }
    if (!this.#isGreeted) throw new ShoalError('MALFORMED', 'the first message must be a hello');
    if (message.type === 'want') this.#server.want(message.ids, (error) => this.#failed(error));
    else if (message.type === 'ping') this.send({ type: 'pong', nonce: message.nonce });
    else this.#handlers.onMessage(this, message);
  }

  /** A session that has ended is told by onClose, and is routine; everything else is not. */
  #failed(error: unknown): void {
    if (!isShoalError(error, 'UNREACHABLE')) this.#handlers.onError(error);
  }

  #guard(what: string, take: () => void): void {
    if (this.#isClosed) return;
    try {
      take();
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error;
      this.#invalid++;
      this.#handlers.onInvalid(this, `${what} that is not valid: ${error.message}`);
      if (this.#invalid >= invalidMax) this.session.close('it sent messages that are not valid');
    }
  }
}
