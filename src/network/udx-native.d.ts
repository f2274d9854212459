/** The part of udx-native 1.21 that Shoal uses; the package brings no types. See `udp-port.ts` for how it behaves. */
declare module 'udx-native' {
  import type { EventEmitter } from 'node:events';

  interface UdxSource {
    readonly host: string;
    readonly port: number;
    readonly family: 4 | 6;
  }

  /** A streamx Duplex: `write` takes no callback, 'drain' says when to go on. */
  class UdxStream extends EventEmitter {
    readonly id: number;
    readonly bytesTransmitted: number;
    readonly bytesReceived: number;
    connect(socket: UdxSocket, remoteId: number, port: number, host: string): void;
    /** Keeps `bytes` without copying until the other side has acknowledged them. */
    write(bytes: Uint8Array): boolean;
    end(): void;
    destroy(): void;
    /** Called for each packet that was read, in order, and with null at the end. @returns whether more is wanted */
    push(bytes: Buffer | null): boolean;
    resume(): this;
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'end' | 'close' | 'drain', listener: () => void): this;
  }

  class UdxSocket extends EventEmitter {
    readonly bytesTransmitted: number;
    readonly bytesReceived: number;
    bind(port: number, host: string): void;
    address(): UdxSource | null;
    trySend(bytes: Uint8Array, port: number, host: string): void;
    setRecvBufferSize(bytes: number): void;
    close(): Promise<void>;
    on(event: 'message', listener: (bytes: Buffer, source: UdxSource) => void): this;
  }

  class UDX {
    createSocket(): UdxSocket;
    createStream(id: number): UdxStream;
  }

  export type { UdxSocket, UdxStream };
  export default UDX;
}
