/**
 * The first frame in each direction of a session, inside TLS: "you are let in" or "you are not, because". In TLS 1.3
 * the dialler believes the handshake done before the responder has seen its certificate, so only this frame tells
 * it the verdict.
 *
 * version u8, kind u8, binding 32, then for `accepted` (1) the datagram index u32, for `refused` (2) UTF-8 text.
 * The binding is exported from TLS over the dial's transcript: both ends mean the same dial, share and stream.
 */
import { timingSafeEqual } from 'node:crypto';
import { ShoalError } from '../error.js';

const protocolVersion = 1;
export const bindingBytes = 32;
const headBytes = 2 + bindingBytes;
const refusalLengthMax = 200;
/** A character of text is at most 4 bytes of UTF-8. */
export const controlBytesMax = headBytes + 4 * refusalLengthMax;

export interface Accepted {
  readonly kind: 'accepted';
  /** Which index to put on datagrams to the sender. */
  readonly datagramIndex: number;
}
export type Control = Accepted | { readonly kind: 'refused'; readonly text: string };

/** @param binding - 32 bytes */
export function encodeControl(control: Control, binding: Uint8Array): Uint8Array {
  const head = Buffer.concat([Buffer.of(protocolVersion, control.kind === 'accepted' ? 1 : 2), binding]);
  if (control.kind === 'refused')
    return Buffer.concat([head, Buffer.from(presentable(control.text), 'utf8')]);
  const index = Buffer.alloc(4);
  index.writeUInt32LE(control.datagramIndex);
  return Buffer.concat([head, index]);
}

/** @throws ShoalError REFUSED (the message says why) when we are not accepted; MALFORMED, also for another binding */
export function decodeControl(frame: Uint8Array, binding: Uint8Array): Accepted {
  if (frame[0] !== protocolVersion) {
    const versions = `it speaks protocol ${frame[0]}, this device ${protocolVersion}`;
    throw new ShoalError('REFUSED', `${versions}: update the older one`);
  }
  if (frame.length < headBytes || !timingSafeEqual(frame.subarray(2, headBytes), binding)) {
    throw new ShoalError('MALFORMED', 'a control frame of another connection');
  }
  const rest = Buffer.from(frame.subarray(headBytes));
  if (frame[1] === 1 && rest.length === 4) return { kind: 'accepted', datagramIndex: rest.readUInt32LE() };
  if (frame[1] === 2) throw new ShoalError('REFUSED', presentable(rest.toString('utf8')));
  throw new ShoalError('MALFORMED', 'a control frame of unknown form');
}

/** Text from a peer is shown to a person: one short line, nothing that moves a cursor. */
function presentable(text: string): string {
  return Array.from(text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '?'))
    .slice(0, refusalLengthMax)
    .join('');
}
