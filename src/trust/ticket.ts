/**
 * Tickets: an invitation as one line of text. `shoal1` and the base64url of canonical CBOR with a checksum, so
 * that a mistyped ticket is told from a refused one. A ticket is a secret until it is used or has expired.
 */
import { decodeFields, encodeFields, malformed } from '../cbor/index.js';
import { hashBytes } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import {
  type DeviceId,
  deviceIdFromBytes,
  deviceIdToBytes,
  publicKeyBytes,
  type ShareId,
  shareIdFromBytes,
  shareIdToBytes,
} from './identity.js';

export interface Ticket {
  readonly share: ShareId;
  readonly inviter: DeviceId;
  /** HOST:PORT, at most `ticketAddressesMax`. */
  readonly addresses: readonly string[];
  /** 16 random bytes, good for one device. */
  readonly token: Uint8Array;
  readonly role: 'rw' | 'ro';
  /** Unix time, ms. */
  readonly expires: number;
}

export const tokenBytes = 16;
export const ticketAddressesMax = 8;

const prefix = 'shoal1';
const checksumBytes = 4;
const textLengthMax = 4096;
const addressLengthMax = 262;
const what = 'ticket';
const ticketFormat = 1;

export function encodeTicket(ticket: Ticket): string {
  const body = encodeFields([
    ticketFormat,
    shareIdToBytes(ticket.share),
    deviceIdToBytes(ticket.inviter),
    ticket.addresses,
    ticket.token,
    ticket.role === 'rw' ? 0 : 1,
    ticket.expires,
  ]);
  return prefix + Buffer.concat([body, checksumOf(body)]).toString('base64url');
}

/** @throws ShoalError REFUSED: `text` is no ticket, or not a whole one (the sentence says what to do) */
export function decodeTicket(text: string): Ticket {
  try {
    return decode(text.trim());
  } catch (cause) {
    throw new ShoalError(
      'REFUSED',
      'This is not a valid ticket: copy the whole line that `shoal invite` printed and try again.',
      { cause },
    );
  }
}

function decode(text: string): Ticket {
  if (!text.startsWith(prefix) || text.length > textLengthMax)
    throw malformed(what, `it must begin with ${prefix}`);
  const bytes = Buffer.from(text.slice(prefix.length), 'base64url');
  const body = Uint8Array.from(bytes.subarray(0, -checksumBytes));
  if (
    bytes.length <= checksumBytes ||
    Buffer.compare(checksumOf(body), bytes.subarray(-checksumBytes)) !== 0
  ) {
    throw malformed(what, 'its checksum is wrong');
  }
  const fields = decodeFields(body, what, textLengthMax);
  fields.integer('the format', ticketFormat, ticketFormat);
  const ticket: Ticket = {
    share: shareIdFromBytes(fields.bytes('the share', publicKeyBytes, publicKeyBytes)),
    inviter: deviceIdFromBytes(fields.bytes('the inviter', publicKeyBytes, publicKeyBytes)),
    addresses: fields.items('the addresses', { min: 0, max: ticketAddressesMax }, (list) =>
      list.textString('an address', addressLengthMax),
    ),
    token: fields.bytes('the token', tokenBytes, tokenBytes),
    role: fields.integer('the role', 0, 1) === 0 ? 'rw' : 'ro',
    expires: fields.integer('the expiry', 0, Number.MAX_SAFE_INTEGER),
  };
  fields.end();
  return ticket;
}

function checksumOf(body: Uint8Array): Uint8Array {
  return hashBytes(body).subarray(0, checksumBytes);
}
