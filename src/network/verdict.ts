/** Whether a device that has proved its key gets a session. The caller's `authorise` knows the members; this knows the rest. */
import { ShoalError } from '../error.js';
import type { DeviceId } from '../trust/index.js';

/** A member may do everything, a guest may try to join. */
export type Standing = 'member' | 'guest';
export type Authorise = (device: DeviceId) => Standing | 'refuse';

export type Verdict =
  | { readonly standing: Standing }
  /** `text` goes to the other side, `error` to ours. */
  | { readonly standing: 'refused'; readonly text: string; readonly error: ShoalError };

/** How and where a device was met. */
export interface Meeting {
  readonly address: string;
  readonly self: DeviceId;
  readonly authorise: Authorise;
  /** The only device that will do, when we dialled a particular one. */
  readonly expect?: DeviceId | undefined;
  /** Whether there are as many sessions as there may be. */
  readonly full?: boolean;
}

export function judge(device: DeviceId, meeting: Meeting): Verdict {
  const { address, self, authorise, expect, full } = meeting;
  const refused = (text: string, why: string): Verdict => {
    const sentence = `${address} is device ${device} and was turned away: ${why}.`;
    return {
      standing: 'refused',
      text,
      error: new ShoalError('REFUSED', sentence, { data: { address, device } }),
    };
  };
  if (expect !== undefined && device !== expect) {
    return refused('another device was expected here', `it is not ${expect}, which was expected there`);
  }
  if (device === self) return refused('you have reached yourself', 'it is this device itself');
  if (full)
    return refused('too many devices are connected, try again later', 'too many devices are connected');
  const standing = authorise(device);
  if (standing !== 'refuse') return { standing };
  return refused('your device is not a member of this share', 'it is not a member of this share');
}
