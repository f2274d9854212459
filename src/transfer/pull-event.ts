/**
 * What the pull planner is told, and what it answers. A source is anything that can give a chunk for an id: a
 * peer device here, and by nothing but the type argument some other store.
 */
import type { ChunkId } from '../chunking/index.js';
import type { DeviceId } from '../trust/index.js';

export interface WantedChunk {
  readonly id: ChunkId;
  /** The most plain bytes it may have: its length in a recipe, or `chunkBytesMax` for a node of unknown size. */
  readonly bytes: number;
}

export type PullEvent<Source extends string = DeviceId> =
  /** Wanting an id again adds sources; a source that had said `absent` is asked again. */
  | { readonly type: 'want'; readonly items: readonly WantedChunk[]; readonly sources: readonly Source[] }
  | { readonly type: 'source-up'; readonly source: Source }
  /** The session is gone, and with it every answer that was still to come on it. */
  | { readonly type: 'source-down'; readonly source: Source }
  /** `bytes` as received, for the books. The caller has checked the hash and has the chunk. */
  | { readonly type: 'arrived'; readonly source: Source; readonly id: ChunkId; readonly bytes: number }
  | { readonly type: 'absent'; readonly source: Source; readonly ids: readonly ChunkId[] }
  /** The source said that it will answer, later: it keeps to a rate. */
  | { readonly type: 'busy'; readonly source: Source }
  /** What came under this id was not the chunk: it did not decode, or the hash differs. */
  | { readonly type: 'wrong'; readonly source: Source; readonly id: ChunkId }
  /** Not wanted any more, or had from elsewhere. */
  | { readonly type: 'forget'; readonly ids: readonly ChunkId[] }
  /** Time has passed. Wanted about once a second while anything is wanted. */
  | { readonly type: 'tick' };

export type PullEffect<Source extends string = DeviceId> =
  /** Send one `want`: 1 to `idsPerMessageMax` different ids. */
  | { readonly type: 'request'; readonly source: Source; readonly ids: readonly ChunkId[] }
  /** Nobody named can give them; they are no longer wanted. A new `want` starts over. */
  | { readonly type: 'unobtainable'; readonly ids: readonly ChunkId[] }
  /** Gave `wrongChunksMax` wrong chunks: nothing is asked of it again. */
  | { readonly type: 'distrust'; readonly source: Source }
  /** Was asked, and has sent nothing for `stalledAfterMs`, or no answer for `busyMsMax`: close the session. */
  | { readonly type: 'stalled'; readonly source: Source };

export interface SourceView<Source extends string = DeviceId> {
  readonly source: Source;
  readonly up: boolean;
  readonly distrusted: boolean;
  /** Asked for and not received. */
  readonly outstanding: number;
  readonly outstandingBytes: number;
  readonly receivedChunks: number;
  readonly receivedBytes: number;
}
