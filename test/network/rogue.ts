/** Somebody who knows the share id, and so can dial, but does not keep to the protocol above UDP. */

import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { parseAddress } from '../../src/network/address.js';
import { tlsIdentityOf } from '../../src/network/certificate.js';
import { encodeControl } from '../../src/network/control-frame.js';
import { type Answer, dialTranscript } from '../../src/network/dial-datagram.js';
import { Dialler } from '../../src/network/dialler.js';
import { StreamAdapter } from '../../src/network/stream-adapter.js';
import { UdpPort, type UdxStream } from '../../src/network/udp-port.js';
import { dialKey, generateKeyPair, type ShareId } from '../../src/trust/index.js';
import { closeAfterwards } from './peers.js';

export interface Rogue {
  readonly port: UdpPort;
  readonly answer: Answer;
  readonly stream: UdxStream;
  /** Resolves when the responder has given the stream up. */
  readonly gone: Promise<void>;
}

/** An answered dial and its stream; nothing was said on it yet. */
export async function dialRogue(share: ShareId, address: string): Promise<Rogue> {
  const answers = (bytes: Uint8Array): unknown => dialler.take(bytes);
  const port = new UdpPort({ host: '127.0.0.1', port: 0, portTries: 0, onDatagram: answers });
  const dialler = new Dialler(port, dialKey(share));
  const to = parseAddress(address);
  const answer = await dialler.ask(to, new AbortController().signal);
  const stream = port.openStream(answer.diallerStreamId, answer.responderStreamId, to);
  closeAfterwards(() => {
    stream.destroy();
    return port.close();
  });
  return { port, answer, stream, gone: new Promise<void>((resolve) => stream.on('close', resolve)) };
}

/** TLS as Shoal speaks it, except for `wrong`. */
export async function secureRogue(rogue: Rogue, wrong: ConnectionOptions = {}): Promise<TLSSocket> {
  const tls = connect({
    socket: new StreamAdapter(rogue.stream),
    ...tlsIdentityOf(generateKeyPair()),
    ALPNProtocols: ['shoal/1'],
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...wrong,
  });
  tls.on('error', () => undefined);
  tls.resume();
  return tls;
}

/** Past TLS and accepted on its own word: from here the rogue may send anything as a member. */
export async function memberRogue(share: ShareId, address: string): Promise<Rogue & { tls: TLSSocket }> {
  const rogue = await dialRogue(share, address);
  const tls = await secureRogue(rogue);
  await once(tls, 'secureConnect');
  tls.write(controlOf(tls, dialTranscript(share, rogue.answer)));
  return { ...rogue, tls };
}

/** A framed control frame that accepts, bound to `transcript`. */
export function controlOf(tls: TLSSocket, transcript: Uint8Array): Uint8Array {
  const binding = tls.exportKeyingMaterial(32, 'EXPORTER-shoal-control', Buffer.from(transcript));
  return framed(encodeControl({ kind: 'accepted', datagramIndex: 7 }, binding));
}

export function framed(body: Uint8Array, length = body.length): Uint8Array {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(length);
  return Buffer.concat([header, body]);
}
