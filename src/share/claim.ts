/**
 * Claiming membership: a new device brings its ticket to the inviter, over a session to the inviter's pinned
 * device id, and keeps the member records it is given.
 */
import { isShoalError, ShoalError } from '../error.js';
import type { Endpoint, Session } from '../network/index.js';
import type { Store } from '../store/index.js';
import { decodeMessage, encodeMessage, type Message } from '../transfer/index.js';
import {
  type DeviceId,
  decodeMemberRecord,
  decodeTicket,
  deviceIdFromBytes,
  type SignedMemberRecord,
  type Ticket,
} from '../trust/index.js';
import { pendingTicketKey } from './create.js';
import type { Secrets } from './secrets.js';

/** Between two rounds over the inviter's addresses. */
const retryMs = 1000;
const answerTimeoutMs = 10_000;

/** The ticket that waits for its inviter, or undefined once this device is a member. */
export async function pendingTicket(store: Store): Promise<Ticket | undefined> {
  const bytes = await store.getRecord('state', pendingTicketKey);
  return bytes === undefined ? undefined : decodeTicket(Buffer.from(bytes).toString('utf8'));
}

/**
 * Tries until the inviter answers or `signal` aborts.
 * @returns whether this device is a member now; false: the inviter could not be reached in time
 * @throws ShoalError REFUSED: the inviter turned the ticket down
 */
export async function claimMembership(
  store: Store,
  options: { secrets: Secrets; ticket: Ticket; name: string; signal: AbortSignal },
): Promise<boolean> {
  const { ticket, secrets, signal } = options;
  const { Endpoint } = await import('../network/index.js');
  const endpoint = await Endpoint.open({
    share: ticket.share,
    device: secrets.device,
    host: '0.0.0.0',
    port: 0,
    authorise: (device) => (device === ticket.inviter ? 'member' : 'refuse'),
    onSession: (session) => session.close('this device only joins'),
    onReport: () => undefined,
  });
  try {
    while (!signal.aborted) {
      let refusal: ShoalError | undefined;
      for (const address of ticket.addresses) {
        const records = await claimAt(endpoint, address, options);
        if (records instanceof ShoalError) {
          refusal = records;
          continue;
        }
        if (records === undefined) continue;
        await keep(store, ticket, deviceIdFromBytes(secrets.device.publicKey), records);
        return true;
      }
      if (refusal !== undefined) throw refusal;
      await pause(retryMs, signal);
    }
    return false;
  } finally {
    await endpoint.close();
  }
}

/** @returns the records; a refusal of whoever is there, which need not be the inviter; undefined if nobody answers */
async function claimAt(
  endpoint: Endpoint,
  address: string,
  { ticket, name, signal }: { ticket: Ticket; name: string; signal: AbortSignal },
): Promise<readonly Uint8Array[] | ShoalError | undefined> {
  let session: Session;
  try {
    session = await endpoint.dial(address, { expect: ticket.inviter, signal });
  } catch (error) {
    if (isShoalError(error, 'REFUSED')) return error;
    if (isShoalError(error, 'UNREACHABLE') || isShoalError(error, 'CANCELLED') || signal.aborted)
      return undefined;
    throw error;
  }
  try {
    const reply = await ask(session, { type: 'join', token: ticket.token, name });
    if (reply === undefined) return undefined;
    if (reply.type === 'refuse') throw new ShoalError('REFUSED', reply.text);
    return reply.type === 'welcome' ? reply.records : undefined;
  } finally {
    session.close('the ticket was answered');
  }
}

function ask(session: Session, question: Message): Promise<Message | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), answerTimeoutMs);
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      settle();
    };
    session.start({
      onFrame: (frame) => {
        try {
          const message = decodeMessage(frame);
          if (message.type === 'welcome' || message.type === 'refuse') finish(() => resolve(message));
        } catch (error) {
          finish(() => reject(error));
        }
      },
      onDatagram: () => undefined,
      onClose: () => finish(() => resolve(undefined)),
    });
    session.send(encodeMessage(question)).catch(() => finish(() => resolve(undefined)));
  });
}

async function keep(
  store: Store,
  ticket: Ticket,
  self: DeviceId,
  records: readonly Uint8Array[],
): Promise<void> {
  const members: SignedMemberRecord[] = records.map((bytes) => decodeMemberRecord(ticket.share, bytes));
  if (!members.some(({ record }) => record.device === self)) {
    throw new ShoalError(
      'REFUSED',
      'The inviter answered without a member record for this device: ask for a new ticket.',
    );
  }
  const firstAddress = ticket.addresses[0];
  await store.commit(
    [
      ...members.map(({ record, bytes }) => ({
        kind: 'member' as const,
        key: record.device as string,
        value: bytes,
      })),
      ...(firstAddress === undefined
        ? []
        : [
            {
              kind: 'address' as const,
              key: ticket.inviter as string,
              value: Buffer.from(firstAddress, 'utf8'),
            },
          ]),
      { kind: 'state', key: pendingTicketKey, delete: true },
    ],
    { durable: true },
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
