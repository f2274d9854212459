/**
 * The fields of each message but `chunk`: one table, in which a message's encoder and decoder stand side by side.
 * A decoder checks every bound; whether the bytes were canonical is `cbor/`'s to know.
 */
import { type Field, type FieldReader, malformed } from '../cbor/index.js';
import { type ChunkId, chunkIdBytes, chunkIdFromBytes, chunkIdToBytes } from '../chunking/index.js';
import {
  deviceIdFromBytes,
  deviceIdToBytes,
  deviceNameLengthMax,
  headBytesMax,
  memberRecordBytesMax,
  publicKeyBytes,
  tokenBytes,
} from '../trust/index.js';
import {
  addressesPerMessageMax,
  addressLengthMax,
  idsPerMessageMax,
  type Message,
  messageName,
  nonceMax,
  type PeerAddress,
  protocolVersion,
  recordsPerMessageMax,
  refuseReasons,
  refuseTextLengthMax,
} from './message.js';

type PackedMessage = Exclude<Message, { type: 'chunk' }>;

export interface MessageBody<Packed extends PackedMessage = PackedMessage> {
  /** The number of the type on the wire. Never reuse one. */
  readonly typeByte: number;
  toFields(message: Packed): readonly Field[];
  /** @throws ShoalError MALFORMED */
  fromFields(fields: FieldReader): Packed;
}

export const chunkTypeByte = 6;

export const bodies: {
  readonly [Type in PackedMessage['type']]: MessageBody<Extract<PackedMessage, { type: Type }>>;
} = {
  hello: {
    typeByte: 1,
    toFields: ({ protocol, name, port }) => [protocol, name, port],
    fromFields: (fields) => {
      if (fields.integer('the protocol version', 0, Number.MAX_SAFE_INTEGER) !== protocolVersion)
        throw malformed(messageName, 'its protocol version is unknown');
      return {
        type: 'hello',
        protocol: protocolVersion,
        name: fields.textString('the name', deviceNameLengthMax),
        port: fields.integer('the port', 0, portMax),
      };
    },
  },
  heads: {
    typeByte: 2,
    toFields: ({ heads }) => [heads],
    fromFields: (fields) => ({ type: 'heads', heads: readRecords(fields, headBytesMax) }),
  },
  members: {
    typeByte: 3,
    toFields: ({ records }) => [records],
    fromFields: (fields) => ({ type: 'members', records: readRecords(fields, memberRecordBytesMax) }),
  },
  addresses: {
    typeByte: 4,
    toFields: ({ list }) => [list.map(({ device, address }) => [deviceIdToBytes(device), address])],
    fromFields: (fields) => ({
      type: 'addresses',
      list: fields.items('the addresses', { min: 1, max: addressesPerMessageMax }, readAddress),
    }),
  },
  want: {
    typeByte: 5,
    toFields: ({ ids }) => [ids.map(chunkIdToBytes)],
    fromFields: (fields) => ({ type: 'want', ids: readIds(fields) }),
  },
  absent: {
    typeByte: 7,
    toFields: ({ ids }) => [ids.map(chunkIdToBytes)],
    fromFields: (fields) => ({ type: 'absent', ids: readIds(fields) }),
  },
  join: {
    typeByte: 8,
    toFields: ({ token, name }) => [token, name],
    fromFields: (fields) => ({
      type: 'join',
      token: fields.bytes('the token', tokenBytes, tokenBytes),
      name: fields.textString('the name', deviceNameLengthMax),
    }),
  },
  welcome: {
    typeByte: 9,
    toFields: ({ records }) => [records],
    fromFields: (fields) => ({ type: 'welcome', records: readRecords(fields, memberRecordBytesMax) }),
  },
  refuse: {
    typeByte: 10,
    toFields: ({ reason, text }) => [refuseReasons.indexOf(reason), text],
    fromFields: (fields) => {
      const reason = refuseReasons[fields.integer('the reason', 0, Number.MAX_SAFE_INTEGER)];
      if (reason === undefined) throw malformed(messageName, 'its reason is unknown');
      return { type: 'refuse', reason, text: fields.textString('the text', refuseTextLengthMax) };
    },
  },
  ping: {
    typeByte: 11,
    toFields: ({ nonce }) => [nonce],
    fromFields: (fields) => ({ type: 'ping', nonce: fields.integer('the nonce', 0, nonceMax) }),
  },
  pong: {
    typeByte: 12,
    toFields: ({ nonce }) => [nonce],
    fromFields: (fields) => ({ type: 'pong', nonce: fields.integer('the nonce', 0, nonceMax) }),
  },
};

const portMax = 65_535;
const controlOrSpace = /[\p{Cc}\p{Zs}]/u;

function readRecords(fields: FieldReader, bytesMax: number): readonly Uint8Array[] {
  const bounds = { min: 1, max: recordsPerMessageMax };
  return fields.items('the records', bounds, (list) => list.bytes('a record', 1, bytesMax));
}

function readIds(fields: FieldReader): readonly ChunkId[] {
  const bounds = { min: 1, max: idsPerMessageMax };
  const ids = fields.items('the ids', bounds, (list) =>
    chunkIdFromBytes(list.bytes('an id', chunkIdBytes, chunkIdBytes)),
  );
  if (new Set(ids).size !== ids.length) throw malformed(messageName, 'it names an id twice');
  return ids;
}

function readAddress(list: FieldReader): PeerAddress {
  const fields = list.list('an address', 1, { min: 2, max: 2 });
  const device = deviceIdFromBytes(fields.bytes('its device', publicKeyBytes, publicKeyBytes));
  const address = fields.textString('its text', addressLengthMax);
  if (address === '' || controlOrSpace.test(address))
    throw malformed(messageName, 'an address holds unprintable characters');
  return { device, address };
}
