/** What the commands use to talk to people and scripts. */
export { BaseCommand } from './base-command.js';
export { listBlocked } from './blocked-lines.js';
export { CollectProgressLine, describeCollect } from './collect-lines.js';
export { expiryDaysMax, keepDaysMax, parseDuration, waitDaysMax } from './duration.js';
export { EventLines } from './event-lines.js';
export { exitCodeOfSync, exitCodes } from './exit-code.js';
export { countOf, formatBytes, shortId } from './format.js';
export { printable } from './printable.js';
export { DoneProgress, RestProgress } from './progress.js';
export { drawQrCode } from './qr-code.js';
export { describeStatus } from './status-lines.js';
export { describeDryRun, describeSync } from './sync-lines.js';
export { describeVerify } from './verify-lines.js';
export { VerifyProgressLine } from './verify-progress.js';

/** The demo is loaded only when it runs: it brings the whole share with it. */
export const loadDemo = (): Promise<typeof import('./demo/index.js')> => import('./demo/index.js');
