/**
 * The contacts: where each device may be reached, and whom to dial when.
 *
 * Invariants: at most `addressesMax` addresses; at most `dialsMax` dials at a time, one for each contact and one for
 * each address; a device with a session is never dialled; our own addresses are not dialled twice.
 */
import { ShoalError } from '../error.js';
import type { DeviceId } from '../trust/index.js';
import { parseAddress } from './address.js';
import { Contact, type Hand } from './contact.js';
import type { DeviceAddress } from './event.js';

export const addressesMax = 400;
/** Dials at a time: a peer that invents addresses cannot make a flood of this device. */
export const dialsMax = 16;
/** Own addresses remembered. */
const ownAddressesMax = 32;

export class ContactBook {
  readonly #devices = new Map<DeviceId, Contact>();
  /** Configured addresses of which the device is not known yet. */
  readonly #strangers = new Map<string, Contact>();
  readonly #ownAddresses = new Set<string>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  get(device: DeviceId): Contact | undefined {
    return this.#devices.get(device);
  }

  all(): Contact[] {
    return [...this.#devices.values(), ...this.#strangers.values()];
  }

  /**
   * Adds what a person has configured.
   * @throws ShoalError USAGE if it is no address, LIMIT if there are too many
   */
  configure(address: string, device: DeviceId | undefined, now: number): void {
    if (parseAddress(address) === undefined)
      throw new ShoalError('USAGE', `"${address}" is no address: give it as HOST:PORT.`, {
        data: { address },
      });
    if (device !== undefined) {
      if (!this.add({ device, address }, 'configured', now))
        throw new ShoalError('LIMIT', 'There are too many addresses; remove some that are not needed.');
      return;
    }
    if (this.#ownAddresses.has(address) || this.all().some((contact) => contact.has(address))) return;
    if (this.#isFull())
      throw new ShoalError('LIMIT', 'There are too many addresses; remove some that are not needed.');
    const contact = new Contact(undefined, now);
    contact.add(address, 'configured', false);
    this.#strangers.set(address, contact);
  }

  /** @returns whether the address is kept */
  add({ device, address }: DeviceAddress, hand: Hand, now: number, proven = false): boolean {
    if (parseAddress(address) === undefined) return false;
    const known = this.#devices.get(device);
    if (known?.has(address) !== true && this.#isFull()) return false;
    const contact = known ?? new Contact(device, now);
    if (!contact.add(address, hand, proven)) return false;
    this.#devices.set(device, contact);
    return true;
  }

  forgetDevice(device: DeviceId): void {
    this.#devices.delete(device);
  }

  /** `address` is our own: never again. */
  forgetOwn(address: string): void {
    this.#strangers.delete(address);
    for (const contact of this.#devices.values()) contact.remove(address);
    this.#ownAddresses.add(address);
    const [oldest] = this.#ownAddresses;
    if (this.#ownAddresses.size > ownAddressesMax && oldest !== undefined) this.#ownAddresses.delete(oldest);
  }

  /** `device` answered at `address`, or was seen there. Merges a configured address with its device. */
  reached({ device, address }: DeviceAddress, now: number): void {
    this.add({ device, address }, 'first', now, true);
    const contact = this.#devices.get(device);
    if (contact === undefined) return;
    this.#strangers.get(address)?.mergeInto(contact);
    this.#strangers.delete(address);
    contact.reached(address);
  }

  lost(device: DeviceId, livedMs: number, now: number): void {
    this.#devices.get(device)?.lost(livedMs, now, this.#random());
  }

  /** @returns the contact that was being dialled at `address` */
  dialFailed(address: string, now: number): Contact | undefined {
    const contact = this.all().find(({ dialling }) => dialling === address);
    contact?.dialFailed(now, this.#random());
    return contact;
  }

  /** @returns the contacts whose dial had no outcome in time; it counts as failed now */
  expireDials(now: number): Contact[] {
    const expired = this.all().filter(({ dialEndsBy }) => dialEndsBy !== undefined && dialEndsBy <= now);
    for (const contact of expired) contact.dialFailed(now, this.#random());
    return expired;
  }

  /** Starts the dials that are due, those due longest first. @param wanted - whether a contact should be dialled */
  startDials(wanted: (contact: Contact) => boolean, now: number): { address: string; contact: Contact }[] {
    const contacts = this.all();
    const busy = new Set(contacts.map(({ dialling }) => dialling).filter((address) => address !== undefined));
    const due = contacts.filter((contact) => isIdle(contact) && contact.nextDialAt <= now && wanted(contact));
    const started: { address: string; contact: Contact }[] = [];
    for (const contact of due.sort((a, b) => a.nextDialAt - b.nextDialAt)) {
      const address = contact.nextAddress();
      if (address === undefined || busy.has(address) || busy.size >= dialsMax) continue;
      busy.add(address);
      contact.startDial(address, now);
      started.push({ address, contact });
    }
    return started;
  }

  /** When to look again, unix ms: a dial is due, or one that runs must have ended. */
  nextDeadline(wanted: (contact: Contact) => boolean, now: number): number {
    const contacts = this.all();
    const ends = contacts.map(({ dialEndsBy }) => dialEndsBy ?? Number.POSITIVE_INFINITY);
    // What is due already waits for a running dial to end, and that comes as an event.
    const starts = contacts
      .filter((contact) => isIdle(contact) && contact.nextDialAt > now && wanted(contact))
      .map(({ nextDialAt }) => nextDialAt);
    return Math.min(...ends, ...starts);
  }

  #isFull(): boolean {
    return this.all().reduce((count, contact) => count + contact.addressCount, 0) >= addressesMax;
  }
}

const isIdle = (contact: Contact): boolean => contact.dialling === undefined && contact.addressCount > 0;
