/** Several replicas of one share on this machine, joined by tickets as users join them, and what they must agree on. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { patienceMs, poll, type Wait } from './patience.js';
import { Peer } from './peer.js';
import { mustRunShoal } from './shoal-command.js';
import { differences } from './tree-listing.js';

export type Role = 'rw' | 'ro';

export class Group {
  readonly directory: string;
  readonly peers: Peer[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** A share with a running first peer, and one more peer, running and joined, for each of `roles`. */
  static async open(roles: readonly Role[]): Promise<Group> {
    const group = new Group(await mkdtemp(join(tmpdir(), 'shoal-test-')));
    try {
      const first = await group.#newPeer();
      await mkdir(first.directory);
      await mustRunShoal('init', first.directory, '--name', first.name);
      await first.start();
      for (const role of roles) {
        const peer = await group.join(role);
        await peer.start();
      }
      return group;
    } catch (error) {
      await group.close();
      throw error;
    }
  }

  /** The peer that made the share. */
  get first(): Peer {
    return this.peer(0);
  }

  /** @param index - from 0, in order of joining */
  peer(index: number): Peer {
    const peer = this.peers[index];
    if (peer === undefined) throw new Error(`There is no peer ${index}.`);
    return peer;
  }

  /** A ticket from the first peer. */
  async invite(role: Role, ...options: readonly string[]): Promise<string> {
    const { first } = this;
    const printed = await mustRunShoal(
      ...['invite', first.directory, '--json', '--role', role, '--address', first.address, ...options],
    );
    return printed.json<{ ticket: string }>().ticket;
  }

  /** A new replica that has joined; its `watch` is not started. */
  async join(role: Role): Promise<Peer> {
    const ticket = await this.invite(role);
    const peer = await this.#newPeer();
    await mustRunShoal('join', ticket, peer.directory, '--name', peer.name);
    return peer;
  }

  /** Kills whoever still runs and removes all folders. */
  async close(): Promise<void> {
    await Promise.all(this.peers.map((peer) => peer.stop()));
    await rm(this.directory, { recursive: true, force: true });
  }

  async #newPeer(): Promise<Peer> {
    const name = `peer-${this.peers.length + 1}`;
    const peer = new Peer({ name, directory: join(this.directory, name), port: await freePort() });
    this.peers.push(peer);
    return peer;
  }
}

/**
 * Waits until `peers`, all of them running, agree: each names the same root, sees every other one at it, and waits
 * for nothing, and the same things stand in their folders. Because the folders are compared, a change that no scan has seen
 * yet is waited for, too.
 * @returns the root
 */
export async function untilEqual(peers: readonly Peer[], bound = patienceMs): Promise<string> {
  let obstacle = 'nothing was looked at';
  const wait: Wait = {
    until: `${peers.map(({ name }) => name).join(', ')} agreed`,
    describe: () => [obstacle, ...peers.map((peer) => peer.process.describe())].join('\n'),
    patienceMs: bound,
  };
  return poll(async () => {
    const found = await whatKeepsApart(peers);
    if ('root' in found) return found.root;
    obstacle = found.obstacle;
    return undefined;
  }, wait);
}

async function whatKeepsApart(peers: readonly Peer[]): Promise<{ root: string } | { obstacle: string }> {
  const statuses = await Promise.all(peers.map((peer) => peer.status()));
  const root = statuses[0]?.root;
  if (root === undefined) throw new Error('There are no peers to agree.');
  for (const status of statuses) {
    const { name, pending } = status;
    if (status.root !== root) return { obstacle: `${name} is at ${status.root}, another one at ${root}` };
    if (pending.files > 0) return { obstacle: `${name} waits for ${pending.files} files` };
    for (const { device, name: otherName } of statuses) {
      if (device === status.device) continue;
      const view = status.peers.find((peer) => peer.device === device);
      if (view?.inSync !== true) return { obstacle: `${name} does not see ${otherName} in sync` };
    }
  }
  const obstacle = await whatFoldersDifferIn(peers);
  return obstacle === undefined ? { root } : { obstacle };
}

async function whatFoldersDifferIn(peers: readonly Peer[]): Promise<string | undefined> {
  const listings = await Promise.all(
    peers.map((peer) =>
      // Whatever is listed may go while it is looked at: then there is no agreement yet.
      peer.list({ content: false }).catch((error: unknown) => String(error)),
    ),
  );
  const [first] = listings;
  for (const [index, listing] of listings.entries()) {
    if (typeof listing === 'string') return listing;
    if (typeof first === 'string' || first === undefined) return 'the first folder is changing';
    const [difference] = differences(first, listing);
    if (difference !== undefined) return `in ${peers[0]?.name} and ${peers[index]?.name}: ${difference}`;
  }
  return undefined;
}

/**
 * The proof at the end: files read and compared byte by byte, roots as `shoal status` prints them, `shoal verify`
 * on each, and nothing unfinished left behind.
 * @throws Error naming what is wrong
 */
export async function proveEqual(peers: readonly Peer[]): Promise<void> {
  const [first, ...others] = peers;
  if (first === undefined) throw new Error('There are no peers to compare.');
  const listing = await first.list({ content: true });
  const faults: string[] = [];
  for (const peer of others) {
    for (const line of differences(listing, await peer.list({ content: true })))
      faults.push(`${first.name} and ${peer.name}: ${line}`);
  }
  const roots = new Set<string>();
  for (const peer of peers) {
    roots.add((await peer.printedStatus()).root);
    const { code, stdout } = await peer.verify();
    if (code !== 0) faults.push(`${peer.name}: verify ended with ${code}: ${stdout}`);
    for (const path of await peer.leftovers()) faults.push(`${peer.name}: ${path} was left behind`);
  }
  if (roots.size !== 1) faults.push(`roots differ: ${[...roots].join(', ')}`);
  if (faults.length > 0) throw new Error(faults.join('\n'));
}
