/**
 * Datagrams within a session: AES-256-GCM under keys exported from its TLS, one for each direction, so a datagram
 * of another session, share or direction does not open; a counter gives the nonce and, with a window, stops replays.
 *
 * 3, receiver's session index u32, counter u64, ciphertext, tag 16. The 13 bytes before the ciphertext are
 * authenticated. The index is chosen at random by the receiver, and says whose keys to try.
 */
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { ReplayWindow } from './replay-window.js';
import { datagramBytesMax } from './udp-port.js';

export const sealedType = 3;
export const sealKeyBytes = 32;
const headerBytes = 13;
const tagBytes = 16;
/** The most that one sealed datagram carries: 1,171 bytes. */
export const datagramPlainBytesMax = datagramBytesMax - headerBytes - tagBytes;

/** The session a datagram claims to be for, or undefined if it cannot be a sealed one. */
export function sealedIndex(bytes: Uint8Array): number | undefined {
  if (bytes[0] !== sealedType || bytes.length < headerBytes + tagBytes) return undefined;
  return view(bytes).getUint32(1, true);
}

export class DatagramSealer {
  readonly #key: Uint8Array;
  readonly #index: number;
  #counter = 0;

  /**
   * @param key - 32 bytes, of this direction and this session alone
   * @param index - the receiver's session index
   */
  constructor(key: Uint8Array, index: number) {
    this.#key = key;
    this.#index = index;
  }

  /** @param plain - at most `datagramPlainBytesMax` bytes: more is the caller's fault */
  seal(plain: Uint8Array): Uint8Array {
    assert(plain.length <= datagramPlainBytesMax, `a datagram of ${plain.length} bytes`);
    assert(this.#counter < Number.MAX_SAFE_INTEGER);
    const header = new Uint8Array(headerBytes);
    header[0] = sealedType;
    view(header).setUint32(1, this.#index, true);
    view(header).setBigUint64(5, BigInt(this.#counter++), true);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonceOf(header));
    cipher.setAAD(header);
    return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }
}

export type Opened =
  | { readonly kind: 'plain'; readonly plain: Uint8Array }
  | { readonly kind: 'foreign' | 'replayed' };

export class DatagramOpener {
  readonly #key: Uint8Array;
  readonly #window = new ReplayWindow();

  /** @param key - 32 bytes, of the other direction than the sealer's */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** @param bytes - borrowed; `sealedIndex` has found its session */
  open(bytes: Uint8Array): Opened {
    const header = bytes.subarray(0, headerBytes);
    const counter = view(header).getBigUint64(5, true);
    if (counter > BigInt(Number.MAX_SAFE_INTEGER)) return { kind: 'foreign' };
    const plain = this.#decrypt(header, bytes.subarray(headerBytes));
    if (plain === undefined) return { kind: 'foreign' };
    return this.#window.accept(Number(counter)) ? { kind: 'plain', plain } : { kind: 'replayed' };
  }

  #decrypt(header: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonceOf(header), { authTagLength: tagBytes });
    decipher.setAAD(header);
    decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
    const plain = decipher.update(sealed.subarray(0, sealed.length - tagBytes));
    try {
      decipher.final();
    } catch {
      return undefined; // the only way node:crypto has to say that the tag does not match
    }
    return plain;
  }
}

/** 12 bytes: zeros and the counter. The key is new for every session and direction, so no nonce comes twice. */
function nonceOf(header: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce.set(header.subarray(5, headerBytes), 4);
  return nonce;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
