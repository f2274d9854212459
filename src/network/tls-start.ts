/**
 * Starts TLS on a stream, as either side, and says when it is up. Only documented ways of node:tls: a bare server-side
 * `TLSSocket` would keep errors after the handshake to itself, so the responder's comes out of a `tls.Server` that
 * never listens.
 */
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import type { StreamAdapter } from './stream-adapter.js';

/** Agreed in TLS; another protocol, or none, gets no session. */
export const applicationProtocol = 'shoal/1';

export interface TlsStart {
  readonly adapter: StreamAdapter;
  readonly identity: SecureContextOptions;
  readonly initiator: boolean;
  readonly timeoutMs: number;
  /** Encrypted both ways; the peer holds the key of its certificate, if it showed one, and nothing more is checked. */
  readonly onSecure: (tls: TLSSocket) => void;
  /** It failed before that. */
  readonly onFailure: (error: Error) => void;
}

export function startTls(start: TlsStart): void {
  const options = {
    ...start.identity,
    ALPNProtocols: [applicationProtocol],
    rejectUnauthorized: false, // certificates are self-signed: who uses the connection decides by the key
  };
  if (start.initiator) {
    const tls = connect({ ...options, socket: start.adapter, checkServerIdentity: () => undefined });
    tls.once('error', start.onFailure);
    tls.once('secureConnect', () => start.onSecure(tls));
    return;
  }
  const server = createServer({ ...options, requestCert: true, handshakeTimeout: start.timeoutMs });
  server.once('tlsClientError', start.onFailure);
  server.once('secureConnection', start.onSecure);
  server.emit('connection', start.adapter);
}
