/** Texts and hex digits as bytes, and back. */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** @throws TypeError if `bytes` are not valid UTF-8 */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Lowercase hex, two characters a byte. */
export function bytesToHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += hexOfByte[byte];
  return hex;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
