/** A UDP relay in front of one endpoint: it loses packets under a seed, keeps what it saw, and can send things again. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { closeAfterwards } from './peers.js';

export type Direction = 'to-responder' | 'to-dialler';
export interface Packet {
  readonly direction: Direction;
  readonly bytes: Uint8Array;
}

export class Relay {
  readonly packets: Packet[] = [];
  readonly #front: Socket;
  readonly #back: Socket;
  readonly #targetPort: number;
  readonly #lose: (packet: Packet) => boolean;
  #diallerPort = 0;

  private constructor(front: Socket, back: Socket, targetPort: number, lose: (packet: Packet) => boolean) {
    this.#front = front;
    this.#back = back;
    this.#targetPort = targetPort;
    this.#lose = lose;
    front.on('message', (bytes, source) => {
      this.#diallerPort = source.port;
      this.#pass({ direction: 'to-responder', bytes });
    });
    back.on('message', (bytes) => this.#pass({ direction: 'to-dialler', bytes }));
  }

  /** @param lose - whether a packet is lost */
  static async open(targetPort: number, lose: (packet: Packet) => boolean = () => false): Promise<Relay> {
    const sockets = [createSocket('udp4'), createSocket('udp4')] as const;
    for (const socket of sockets) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    const relay = new Relay(...sockets, targetPort, lose);
    closeAfterwards(() => relay.close());
    return relay;
  }

  get address(): string {
    return `127.0.0.1:${this.#front.address().port}`;
  }

  /** Packets of Shoal itself, by type; UDX's own begin FF 01. */
  ofType(type: number, direction: Direction): Packet[] {
    return this.packets.filter((packet) => packet.bytes[0] === type && packet.direction === direction);
  }

  send(packet: Packet): void {
    if (packet.direction === 'to-responder') this.#back.send(packet.bytes, this.#targetPort, '127.0.0.1');
    else this.#front.send(packet.bytes, this.#diallerPort, '127.0.0.1');
  }

  async close(): Promise<void> {
    for (const socket of [this.#front, this.#back]) {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    }
  }

  #pass(packet: Packet): void {
    this.packets.push(packet);
    if (!this.#lose(packet)) this.send(packet);
  }
}
