/** One message of each type and form, whose bytes fixtures/wire-messages.json freezes. */
import { parseChunkId } from '../../src/chunking/index.js';
import type { Message } from '../../src/transfer/index.js';
import { parseDeviceId } from '../../src/trust/index.js';

const id = parseChunkId('ab'.repeat(32));
const device = parseDeviceId('cd'.repeat(32));
export const samples: Record<string, Message> = {
  hello: { type: 'hello', protocol: 1, name: 'nas – Küche', port: 22001 },
  heads: { type: 'heads', heads: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)] },
  members: { type: 'members', records: [Uint8Array.of(5, 6)] },
  addresses: { type: 'addresses', list: [{ device, address: '10.0.0.2:22001' }] },
  want: { type: 'want', ids: [id] },
  chunkRaw: { type: 'chunk', id, chunk: { codec: 'raw', plainLength: 2, bytes: Uint8Array.of(7, 8) } },
  chunkZstd: { type: 'chunk', id, chunk: { codec: 'zstd', plainLength: 70_000, bytes: Uint8Array.of(9) } },
  absent: { type: 'absent', ids: [id] },
  join: { type: 'join', token: new Uint8Array(16).fill(3), name: 'phone' },
  welcome: { type: 'welcome', records: [Uint8Array.of(5, 6)] },
  refuse: { type: 'refuse', reason: 'ticket-used', text: 'This ticket was used before.' },
  ping: { type: 'ping', nonce: 4_294_967_295 },
  pong: { type: 'pong', nonce: 0 },
};
