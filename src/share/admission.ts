/**
 * Admission: how a stranger with a ticket becomes a member. The device that holds the share key makes tickets and
 * answers guests; a token is good for one device, until it expires, and is marked used, durably, before the answer.
 * A guest gets a welcome or a refusal, and nothing else.
 */
import { randomBytes } from 'node:crypto';
import { hashBytes } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { escapeForDisplay } from '../folder/index.js';
import { membersMax } from '../gossip/index.js';
import type { Session } from '../network/index.js';
import { decodeMessage, encodeMessage, type Message, type RefuseReason } from '../transfer/index.js';
import {
  deviceNameLengthMax,
  type SignedMemberRecord,
  signMemberRecord,
  type Ticket,
  tokenBytes,
} from '../trust/index.js';
import { Mutex } from './mutex.js';
import { decodeTicketRecord, encodeTicketRecord } from './records.js';
import type { Replica } from './replica.js';

export interface AdmissionHost {
  readonly now: () => number;
  readonly members: () => readonly SignedMemberRecord[];
  readonly onAdmitted: (record: SignedMemberRecord) => void;
  readonly onReport: (text: string) => void;
  readonly onError: (error: unknown) => void;
}

/** One token is settled at a time, so that two guests cannot use one token. */
const settling = new Mutex();

/** Makes a ticket and remembers its token by hash. @throws ShoalError REFUSED unless this device holds the share key */
export async function makeTicket(
  replica: Replica,
  options: { role: 'rw' | 'ro'; expires: number; addresses: readonly string[] },
): Promise<Ticket> {
  if (replica.secrets.share === undefined) {
    throw new ShoalError(
      'REFUSED',
      'Only the device that made the share can invite: run `shoal invite` there.',
    );
  }
  const token = Uint8Array.from(randomBytes(tokenBytes));
  const record = encodeTicketRecord({ role: options.role, expires: options.expires, usedBy: undefined });
  await replica.store.commit([{ kind: 'ticket', key: tokenKey(token), value: record }], { durable: true });
  return {
    share: replica.share,
    inviter: replica.device,
    addresses: options.addresses,
    token,
    role: options.role,
    expires: options.expires,
  };
}

/** Serves one guest session: its first message must be a join. */
export function admitGuest(session: Session, replica: Replica, host: AdmissionHost): void {
  let isAnswered = false;
  session.start({
    onFrame: (frame) => {
      if (isAnswered) return;
      isAnswered = true;
      answer(session, replica, host, frame).catch((error: unknown) => host.onError(error));
    },
    onDatagram: () => undefined,
    onClose: () => undefined,
  });
}

async function answer(
  session: Session,
  replica: Replica,
  host: AdmissionHost,
  frame: Uint8Array,
): Promise<void> {
  const reply = await decide(session, replica, host, frame);
  await session.send(encodeMessage(reply));
  if (reply.type === 'refuse') session.close(reply.text);
}

async function decide(
  session: Session,
  replica: Replica,
  host: AdmissionHost,
  frame: Uint8Array,
): Promise<Message> {
  let message: Message;
  try {
    message = decodeMessage(frame);
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    host.onReport('A stranger sent a message that is not valid.');
    return refuse('protocol', 'The message is not valid.');
  }
  if (message.type !== 'join') {
    host.onReport(
      `Device ${session.device.slice(0, 8)} is no member and brought no ticket: it was turned away.`,
    );
    return refuse('not-a-member', 'This device is not a member of the share: join with a ticket first.');
  }
  const name = message.name.slice(0, deviceNameLengthMax);
  const verdict = await settling.run(() => useToken(session, replica, host, { token: message.token, name }));
  if (verdict.type === 'refuse') {
    host.onReport(`${escapeForDisplay(name)} (${session.device.slice(0, 8)}) was refused: ${verdict.text}`);
  }
  return verdict;
}

async function useToken(
  session: Session,
  replica: Replica,
  host: AdmissionHost,
  guest: { token: Uint8Array; name: string },
): Promise<Message> {
  const shareKey = replica.secrets.share;
  const key = tokenKey(guest.token);
  const bytes = await replica.store.getRecord('ticket', key);
  if (bytes === undefined || shareKey === undefined)
    return refuse('ticket-unknown', 'This ticket is not known here: ask for a new one.');
  const ticket = decodeTicketRecord(bytes);
  if (ticket.usedBy !== undefined && ticket.usedBy !== session.device) {
    return refuse('ticket-used', 'This ticket was used by another device: ask for a new one.');
  }
  if (ticket.usedBy === undefined && ticket.expires <= host.now())
    return refuse('ticket-expired', 'This ticket has expired: ask for a new one.');
  const known = host.members().find(({ record }) => record.device === session.device);
  if (known?.record.role === 'revoked') return refuse('revoked', 'This device was revoked.');
  const members = host.members().filter((member) => member.record.role !== 'revoked');
  if (known === undefined && members.length >= membersMax) {
    return refuse('busy', `The share has ${membersMax} members, which is as many as it can have.`);
  }
  const record =
    known ??
    signMemberRecord(shareKey.privateKey, {
      share: replica.share,
      device: session.device,
      role: ticket.role,
      serial: 1,
      name: guest.name,
      time: host.now(),
    });
  await replica.store.commit(
    [
      { kind: 'ticket', key, value: encodeTicketRecord({ ...ticket, usedBy: session.device }) },
      { kind: 'member', key: session.device, value: record.bytes },
    ],
    { durable: true },
  );
  host.onAdmitted(record);
  host.onReport(
    `${escapeForDisplay(guest.name)} (${session.device.slice(0, 8)}) joined with the role ${record.record.role}.`,
  );
  const others = host.members().filter((member) => member.record.device !== session.device);
  return { type: 'welcome', records: [...others.map((member) => member.bytes), record.bytes] };
}

function refuse(reason: RefuseReason, text: string): Message {
  return { type: 'refuse', reason, text };
}

function tokenKey(token: Uint8Array): string {
  return Buffer.from(hashBytes(token)).toString('hex');
}
