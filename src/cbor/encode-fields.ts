/** For what is encoded now and then: its fields as one list. What is encoded by the thousand writes each where it will stand. */
import { type CanonicalWriter, encodeCanonical } from './canonical-writer.js';

/** A string is a CBOR text string. */
export type Field = number | boolean | null | string | Uint8Array | readonly Field[];

/** @throws AssertionError if a number is not a safe integer */
export function encodeFields(fields: readonly Field[]): Uint8Array {
  return encodeCanonical((to) => write(to, fields));
}

function write(to: CanonicalWriter, field: Field): void {
  if (field === null) to.null();
  else if (typeof field === 'number') to.integer(field);
  else if (typeof field === 'boolean') to.boolean(field);
  else if (typeof field === 'string') to.textString(field);
  else if (field instanceof Uint8Array) to.bytes(field);
  else {
    to.array(field.length);
    for (const item of field) write(to, item);
  }
}
