/**
 * Names from disks and peers, made safe to print: a control character, an invisible one or one that turns the
 * writing direction could forge a line of output or hide what a name is. The escaping is injective, so two
 * different names never look alike because of it: the backslash is escaped too.
 */

const unsafeToPrint = /[\\\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const shortForms = new Map([
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);
const utf8BytesMax = 4;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `text` with control, format and unpaired surrogate characters written as `\n` or `\u{202e}`. */
export function escapeForDisplay(text: string): string {
  return text.replace(
    unsafeToPrint,
    (character) => shortForms.get(character) ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** `bytes` as text, or undefined if they are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The same for a name that is not valid UTF-8: its valid parts as text, every other byte as `\xff`. */
export function escapeBytesForDisplay(bytes: Uint8Array): string {
  let shown = '';
  for (let at = 0; at < bytes.length; ) {
    const length = validLengthAt(bytes, at);
    shown +=
      length === 0
        ? `\\x${(bytes[at] ?? 0).toString(16).padStart(2, '0')}`
        : escapeForDisplay(decodeUtf8(bytes.subarray(at, at + length)) ?? '');
    at += Math.max(length, 1);
  }
  return shown;
}

/** Bytes of the one character of UTF-8 that begins at `at`, or 0 if none does. */
function validLengthAt(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= utf8BytesMax && at + length <= bytes.length; length++) {
    if (decodeUtf8(bytes.subarray(at, at + length)) !== undefined) return length;
  }
  return 0;
}
