/**
 * What users have written, and what of it must be there in the end. Each peer has files that only it touches: the
 * newest content of those counts. And there are paths that several peers make at the same time: every content
 * counts, whether it got the path or became a conflict copy.
 */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { systemCode } from '../../src/error.js';
import type { Peer } from './peer.js';
import type { SeededChoice } from './seeded-choice.js';
import { writeSeededFile } from './seeded-file.js';
import { hashFile, type Listing } from './tree-listing.js';

const largerBytesMax = 3_000_000;
/** So few deletions that the guard against mass deletion has no reason to hold them. */
const deletionPercent = 4;

export class Ledger {
  /** SHA-256 by path; undefined: the path was deleted or renamed away. */
  readonly owned = new Map<string, string | undefined>();
  /** SHA-256 of what was written to paths that several peers make. */
  readonly shared = new Map<string, string>();

  /** What is lost or wrong in `listing`, a line each. The listing must be with content. */
  faults(listing: Listing): string[] {
    const lines: string[] = [];
    for (const [path, content] of this.owned) {
      const found = listing.get(path)?.content;
      if (found !== content) lines.push(`${path} holds ${found ?? 'nothing'}, not ${content ?? 'nothing'}`);
    }
    const contents = new Set([...listing.values()].map(({ content }) => content));
    for (const [content, where] of this.shared) if (!contents.has(content)) lines.push(`${where} was lost`);
    for (const path of listing.keys()) {
      if (path.includes('.conflict-') && !path.startsWith('shared/'))
        lines.push(`${path} is a conflict nobody made`);
    }
    return lines;
  }
}

/** A user at one peer, whether its `watch` runs or not. */
export class Editor {
  readonly #peer: Peer;
  readonly #ledger: Ledger;
  readonly #choice: SeededChoice;
  readonly #paths: string[] = [];
  #writes = 0;

  constructor(peer: Peer, ledger: Ledger, choice: SeededChoice) {
    this.#peer = peer;
    this.#ledger = ledger;
    this.#choice = choice;
  }

  /** One change of the own files. */
  async edit(): Promise<void> {
    const dice = this.#choice.below(100);
    if (this.#paths.length < 5 || dice < 35) await this.#create();
    else if (dice < 55) await this.#overwrite();
    else if (dice < 75) await this.#append();
    else if (dice < 85) await this.#larger();
    else if (dice < 100 - deletionPercent) await this.#rename();
    else await this.#delete();
  }

  /** Makes `shared/<name>`, unless it came from another peer already. */
  async share(name: string): Promise<void> {
    const text = this.#text();
    await mkdir(this.#peer.path('shared'), { recursive: true });
    try {
      await writeFile(this.#peer.path('shared', name), text, { flag: 'wx' });
      this.#ledger.shared.set(hashText(text), `shared/${name} of ${this.#peer.name}`);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }

  async #create(): Promise<void> {
    const path = `${this.#peer.name}/${this.#choice.below(4)}/${this.#writes}.txt`;
    await mkdir(this.#peer.path(path, '..'), { recursive: true });
    this.#paths.push(path);
    await this.#write(path, this.#text());
  }

  async #overwrite(): Promise<void> {
    await this.#write(this.#choice.of(this.#paths), this.#text());
  }

  async #append(): Promise<void> {
    const path = this.#choice.of(this.#paths);
    await appendFile(this.#peer.path(path), this.#text());
    this.#ledger.owned.set(path, await hashFile(this.#peer.path(path)));
  }

  async #larger(): Promise<void> {
    const path = this.#choice.of(this.#paths);
    await writeSeededFile(this.#peer.path(path), this.#choice.seed(), this.#choice.below(largerBytesMax));
    this.#ledger.owned.set(path, await hashFile(this.#peer.path(path)));
  }

  async #rename(): Promise<void> {
    const from = this.#take();
    const to = `${this.#peer.name}/renamed-${this.#writes++}.txt`;
    await rename(this.#peer.path(from), this.#peer.path(to));
    this.#ledger.owned.set(to, this.#ledger.owned.get(from));
    this.#ledger.owned.set(from, undefined);
    this.#paths.push(to);
  }

  async #delete(): Promise<void> {
    const path = this.#take();
    await rm(this.#peer.path(path));
    this.#ledger.owned.set(path, undefined);
  }

  #take(): string {
    const path = this.#choice.of(this.#paths);
    this.#paths.splice(this.#paths.indexOf(path), 1);
    return path;
  }

  async #write(path: string, text: string): Promise<void> {
    await writeFile(this.#peer.path(path), text);
    this.#ledger.owned.set(path, hashText(text));
  }

  /** Never the same twice. */
  #text(): string {
    const line = `${this.#peer.name} wrote this as number ${this.#writes++}\n`;
    return line.repeat(1 + this.#choice.below(300));
  }
}

function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
