/**
 * Text from arguments and error messages, made safe to print. Names inside a message may be escaped already, so unlike
 * the escaping of names this one leaves the backslash alone: doing it twice changes nothing.
 */

const unsafeToPrint = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const shortForms = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** `text` on one line, with control, format and unpaired surrogate characters written as `\n` or `\u{202e}`. */
export function printable(text: string): string {
  return text.replace(
    unsafeToPrint,
    (character) => shortForms.get(character) ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
