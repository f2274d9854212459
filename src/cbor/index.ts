/**
 * Canonical CBOR: whatever Shoal signs, sends or keeps and does not lay out by hand is an array of fields in the one
 * encoding there is of it, so equal things have equal bytes, and a decoder accepts nothing that an encoder would not write.
 */
export { type CanonicalWriter, encodeCanonical } from './canonical-writer.js';
export { encodeFields, type Field } from './encode-fields.js';
export { borrowFields, decodeFields, FieldReader } from './field-reader.js';
export { malformed } from './malformed.js';
