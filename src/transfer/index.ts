/**
 * Transfer: the messages of a session, and the plan which chunk to ask of whom. Pure: no I/O, no clock, no
 * randomness; time comes in with each event, and what to do comes out as effects.
 */
export { decodeMessage, encodeMessage } from './encoding.js';
export {
  type Frame,
  frameBytesMax,
  idsPerMessageMax,
  type Message,
  nonceMax,
  type PeerAddress,
  type RefuseReason,
  refuseReasons,
} from './message.js';
export type { PullEffect, PullEvent, SourceView, WantedChunk } from './pull-event.js';
export { PullPlanner, wantedMax } from './pull-planner.js';
export {
  busyMsMax,
  creditBytesMax,
  creditIdsMax,
  stalledAfterMs,
  unreachableAfterMs,
  wrongChunksMax,
} from './pull-source.js';
export { TokenBucket } from './token-bucket.js';
