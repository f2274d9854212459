/** What a running share tells whoever listens: `watch --json` writes one line for each. */
import type { DeviceId } from '../trust/index.js';

export type ShareEvent =
  | { readonly event: 'ready'; readonly address: { readonly host: string; readonly port: number } }
  | {
      readonly event: 'peer';
      readonly device: DeviceId;
      readonly name: string;
      readonly state: 'connected' | 'disconnected';
      readonly detail: string;
    }
  | { readonly event: 'scan'; readonly changed: number; readonly deleted: number; readonly seconds: number }
  | {
      readonly event: 'applied';
      readonly files: number;
      readonly deleted: number;
      readonly paths: readonly string[];
    }
  /** A peer has come to our root; `bytes` of chunks were sent to it since the last time. */
  | { readonly event: 'sent'; readonly device: DeviceId; readonly name: string; readonly bytes: number }
  | { readonly event: 'pending'; readonly files: number; readonly bytes: number }
  | { readonly event: 'insync'; readonly root: string }
  | { readonly event: 'conflict'; readonly path: string }
  | { readonly event: 'blocked'; readonly path: string; readonly reason: string }
  | { readonly event: 'held'; readonly deletions: number; readonly of: number }
  /** A chunk of the store, or a file, whose bytes are not what they should be. */
  | { readonly event: 'damage'; readonly id: string }
  | { readonly event: 'damage'; readonly path: string }
  /** Chunks that were damaged or missing in the store are back. */
  | { readonly event: 'healed'; readonly ids: readonly string[] }
  | { readonly event: 'report'; readonly text: string }
  | { readonly event: 'error'; readonly code: string; readonly text: string };

export type ShareListener = (event: ShareEvent) => void;
