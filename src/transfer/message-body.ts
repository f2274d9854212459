/**
 * The fields of each message but `chunk`: one table, in which a message's encoder and decoder stand side by side.
 * A decoder checks every bound; whether the bytes were canonical is `canonical.ts`'s to know.
 */
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
import { bytesField, type Field, listField, malformed, numberField, textField } from './canonical.js';
import {
  addressesPerMessageMax,
  addressLengthMax,
  idsPerMessageMax,
  type Message,
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
  readonly fieldCount: number;
  toFields(message: Packed): readonly Field[];
  /** @throws ShoalError MALFORMED */
  fromFields(fields: readonly unknown[]): Packed;
}

export const chunkTypeByte = 6;

export const bodies: {
  readonly [Type in PackedMessage['type']]: MessageBody<Extract<PackedMessage, { type: Type }>>;
} = {
  hello: {
    typeByte: 1,
    fieldCount: 3,
    toFields: ({ protocol, name, port }) => [protocol, name, port],
    fromFields: ([protocol, name, port]) => {
      if (protocol !== protocolVersion) throw malformed('its protocol version is unknown');
      return {
        type: 'hello',
        protocol: protocolVersion,
        name: textField(name, deviceNameLengthMax),
        port: numberField(port, portMax),
      };
    },
  },
  heads: {
    typeByte: 2,
    fieldCount: 1,
    toFields: ({ heads }) => [heads],
    fromFields: ([heads]) => ({ type: 'heads', heads: recordList(heads, headBytesMax) }),
  },
  members: {
    typeByte: 3,
    fieldCount: 1,
    toFields: ({ records }) => [records],
    fromFields: ([records]) => ({ type: 'members', records: recordList(records, memberRecordBytesMax) }),
  },
  addresses: {
    typeByte: 4,
    fieldCount: 1,
    toFields: ({ list }) => [list.map(({ device, address }) => [deviceIdToBytes(device), address])],
    fromFields: ([list]) => ({
      type: 'addresses',
      list: listField(list, { min: 1, max: addressesPerMessageMax }).map(addressOf),
    }),
  },
  want: {
    typeByte: 5,
    fieldCount: 1,
    toFields: ({ ids }) => [ids.map(chunkIdToBytes)],
    fromFields: ([ids]) => ({ type: 'want', ids: idList(ids) }),
  },
  absent: {
    typeByte: 7,
    fieldCount: 1,
    toFields: ({ ids }) => [ids.map(chunkIdToBytes)],
    fromFields: ([ids]) => ({ type: 'absent', ids: idList(ids) }),
  },
  join: {
    typeByte: 8,
    fieldCount: 2,
    toFields: ({ token, name }) => [token, name],
    fromFields: ([token, name]) => ({
      type: 'join',
      token: bytesField(token, { min: tokenBytes, max: tokenBytes }),
      name: textField(name, deviceNameLengthMax),
    }),
  },
  welcome: {
    typeByte: 9,
    fieldCount: 1,
    toFields: ({ records }) => [records],
    fromFields: ([records]) => ({ type: 'welcome', records: recordList(records, memberRecordBytesMax) }),
  },
  refuse: {
    typeByte: 10,
    fieldCount: 2,
    toFields: ({ reason, text }) => [refuseReasons.indexOf(reason), text],
    fromFields: ([number, text]) => {
      const reason = refuseReasons[numberField(number, refuseReasons.length)];
      if (reason === undefined) throw malformed('its reason is unknown');
      return { type: 'refuse', reason, text: textField(text, refuseTextLengthMax) };
    },
  },
  ping: {
    typeByte: 11,
    fieldCount: 1,
    toFields: ({ nonce }) => [nonce],
    fromFields: ([nonce]) => ({ type: 'ping', nonce: numberField(nonce, nonceMax) }),
  },
  pong: {
    typeByte: 12,
    fieldCount: 1,
    toFields: ({ nonce }) => [nonce],
    fromFields: ([nonce]) => ({ type: 'pong', nonce: numberField(nonce, nonceMax) }),
  },
};

const portMax = 65_535;
const controlOrSpace = /[\p{Cc}\p{Zs}]/u;

function recordList(value: unknown, bytesMax: number): readonly Uint8Array[] {
  const items = listField(value, { min: 1, max: recordsPerMessageMax });
  return items.map((item) => bytesField(item, { min: 1, max: bytesMax }));
}

function idList(value: unknown): readonly ChunkId[] {
  const items = listField(value, { min: 1, max: idsPerMessageMax });
  const ids = items.map((item) =>
    chunkIdFromBytes(bytesField(item, { min: chunkIdBytes, max: chunkIdBytes })),
  );
  if (new Set(ids).size !== ids.length) throw malformed('it names an id twice');
  return ids;
}

function addressOf(value: unknown): PeerAddress {
  const [device, text] = listField(value, { min: 2, max: 2 });
  const address = textField(text, addressLengthMax);
  if (address === '' || controlOrSpace.test(address))
    throw malformed('an address holds unprintable characters');
  return {
    device: deviceIdFromBytes(bytesField(device, { min: publicKeyBytes, max: publicKeyBytes })),
    address,
  };
}
