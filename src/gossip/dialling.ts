/**
 * Where the devices are, and whom to dial: what is learnt of addresses, who is told of them, and the dials.
 *
 * Invariants: what a device was reached at, or says itself, is told to others; what was only heard of is tried and
 * never passed on. Addresses that mean "this machine" are told only to devices on this machine.
 */
import type { DeviceId } from '../trust/index.js';
import { formatAddress, isLoopback, parseAddress } from './address.js';
import { sendAddresses } from './announcement.js';
import type { Contact } from './contact.js';
import { ContactBook } from './contact-book.js';
import type { GossipContext } from './context.js';
import type { DeviceAddress, GossipEvent } from './event.js';
import type { Link } from './link.js';

/** A contact is reported as unreachable when all its addresses have failed so often in a row. */
const unreachableAfterRounds = 3;
/** How many addresses of one device are told to others. */
const addressesToldMax = 2;

type EventOf<Type extends GossipEvent['type']> = Extract<GossipEvent, { type: Type }>;

export class Dialling {
  readonly #context: GossipContext;
  readonly #book: ContactBook;

  constructor(context: GossipContext, now: number) {
    this.#context = context;
    this.#book = new ContactBook(context.options.random);
    for (const item of context.options.addresses) {
      if (item.device !== context.self) this.#book.add(item, 'first', now, true);
    }
  }

  contacts(): Contact[] {
    return this.#book.all();
  }

  contact(device: DeviceId): Contact | undefined {
    return this.#book.get(device);
  }

  forgetDevice(device: DeviceId): void {
    this.#book.forgetDevice(device);
  }

  /** @throws ShoalError USAGE or LIMIT */
  configure({ address, device }: EventOf<'address-added'>, now: number): void {
    if (device === this.#context.self) this.#book.forgetOwn(address);
    else this.#book.configure(address, device, now);
  }

  /** A member says where others are. */
  heardOf({ list, from }: EventOf<'addresses'>, now: number): void {
    const { members, self } = this.#context;
    if (!members.mayRead(from)) return;
    for (const item of list) {
      if (item.device !== self && members.mayRead(item.device)) this.#book.add(item, 'second', now);
    }
  }

  /** Our own listening end answered. */
  reachedSelf(address: string): void {
    this.#book.forgetOwn(address);
  }

  sessionOpened({ device, address, initiator, listenPort }: EventOf<'session-opened'>, now: number): void {
    this.#reached(device, initiator ? address : withPort(address, listenPort), now);
  }

  sessionClosed(device: DeviceId, livedMs: number, now: number): void {
    this.#book.lost(device, livedMs, now);
  }

  dialFailed({ address, device, reason }: EventOf<'dial-failed'>, now: number): void {
    if (device === undefined) {
      this.#reportUnreachable(this.#book.dialFailed(address, now), reason);
    } else if (device === this.#context.self) {
      this.#book.forgetOwn(address);
    } else {
      this.#reached(device, address, now);
      // It answered and there is no session: like one that ended at once, or it would be dialled again at once.
      if (!this.#context.links.has(device)) this.#book.lost(device, 0, now);
    }
  }

  /** All that `link`'s device may want to know, for a session that has just opened. */
  introduceTo(link: Link): void {
    const list = this.#book.all().flatMap((contact) => {
      const { device } = contact;
      if (device === undefined || device === link.device || !this.#context.members.mayRead(device)) return [];
      return contact.provenAddresses(addressesToldMax).map((address) => ({ device, address }));
    });
    this.#context.emit(...sendAddresses(link.device, usefulTo(link, list)));
  }

  /** Ends a step: starts the dials that are due. */
  dial(now: number): void {
    for (const contact of this.#book.expireDials(now)) this.#reportUnreachable(contact, 'no answer in time');
    for (const { address, contact } of this.#book.startDials((candidate) => this.#isWanted(candidate), now)) {
      const { device } = contact;
      this.#context.emit({ type: 'dial', address, ...(device === undefined ? {} : { device }) });
    }
  }

  /** Unix ms. */
  nextDeadline(now: number): number {
    return this.#book.nextDeadline((contact) => this.#isWanted(contact), now);
  }

  /** A device answered there, or says itself that it listens there: the others can reach it there too. */
  #reached(device: DeviceId, address: string, now: number): void {
    const before = this.#book.get(device)?.provenAddresses(1)[0];
    this.#book.reached({ device, address }, now);
    if (before === address) return;
    this.#context.emit({ type: 'store-address', device, address });
    if (!this.#context.members.mayRead(device)) return;
    for (const link of this.#context.memberLinks()) {
      if (link.device === device || !link.introduced) continue;
      this.#context.emit(...sendAddresses(link.device, usefulTo(link, [{ device, address }])));
    }
  }

  #isWanted({ device }: Contact): boolean {
    const { members, links, self } = this.#context;
    if (members.role(self) === 'revoked') return false;
    return device === undefined || (!links.has(device) && members.role(device) !== 'revoked');
  }

  #reportUnreachable(contact: Contact | undefined, reason: string): void {
    if (contact === undefined || contact.unreachableReported) return;
    if (contact.failedRounds < unreachableAfterRounds) return;
    contact.unreachableReported = true;
    const text = `Nobody answers at ${contact.nextAddress() ?? 'any address'}: ${reason}`;
    this.#context.report('unreachable', text, contact.device === undefined ? {} : { device: contact.device });
  }
}

/** Where a peer that was seen at `address` listens, by its own word for the port. */
function withPort(address: string, port: number | undefined): string {
  const seen = parseAddress(address);
  return seen === undefined || port === undefined || port === 0
    ? address
    : formatAddress({ host: seen.host, port });
}

/** Leaves out addresses that mean "this machine", unless the device is on this machine. */
function usefulTo(link: Link, list: readonly DeviceAddress[]): DeviceAddress[] {
  const isHere = isLoopback(parseAddress(link.address)?.host ?? '');
  return list.filter(({ address }) => isHere || !isLoopback(parseAddress(address)?.host ?? ''));
}
