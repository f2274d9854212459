/**
 * The healing of a whole device: its store is damaged at random, `verify --repair` brings it back from its folder and
 * one peer, and afterwards both hold the same bytes under the same root, and nothing is in conflict.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type VerifyResult, verify } from '../../src/share/index.js';
import { layoutOf } from '../../src/share/layout.js';
import { SeededChoice } from '../support/seeded-choice.js';
import { Peer, scratchDirectory, untilEqual } from './peer.js';
import { damageStore } from './random-damage.js';

const filesCount = 40;
const damagesMax = 3;

export interface Healing {
  readonly done: readonly string[];
  /** What `verify` said before the repair, or the code of its error. */
  readonly reported: string;
}

/** A pair of peers that hold the same files; the second one is damaged and healed, again and again. */
export class HealingPair {
  readonly #scratch: { path: string; remove: () => Promise<void> };
  readonly #good: Peer;
  readonly #damaged: Peer;
  readonly #contents: ReadonlyMap<string, Buffer>;

  private constructor(parts: {
    scratch: { path: string; remove: () => Promise<void> };
    good: Peer;
    damaged: Peer;
    contents: ReadonlyMap<string, Buffer>;
  }) {
    this.#scratch = parts.scratch;
    this.#good = parts.good;
    this.#damaged = parts.damaged;
    this.#contents = parts.contents;
  }

  static async open(seed: number): Promise<HealingPair> {
    const scratch = await scratchDirectory();
    const choice = new SeededChoice(seed);
    const directory = join(scratch.path, 'a');
    await mkdir(directory);
    const contents = new Map<string, Buffer>();
    for (let count = 0; count < filesCount; count++) {
      const bytes = Buffer.from(
        Array.from({ length: choice.below(count === 0 ? 400_000 : 9000) }, () => choice.below(256)),
      );
      contents.set(`file-${count}`, bytes);
      await writeFile(join(directory, `file-${count}`), bytes);
    }
    const good = await Peer.init(directory, 'a');
    await good.start({ watch: false });
    const damaged = await Peer.join(join(scratch.path, 'b'), 'b', good);
    await damaged.start({ watch: false });
    await untilEqual([good, damaged]);
    await damaged.stop();
    return new HealingPair({ scratch, good, damaged, contents });
  }

  /** One round. @throws Error that says what was done, if anything is not as it must be */
  async heal(seed: number): Promise<Healing> {
    const choice = new SeededChoice(seed);
    const done: string[] = [];
    for (let count = 1 + choice.below(damagesMax); count > 0; count--)
      done.push(await damageStore(join(this.#damaged.directory, '.shoal', 'store'), choice));
    const fail = (what: string, cause?: unknown): Error =>
      new Error(`seed ${seed}: ${what}, after: ${done.join('; ')}`, { cause });
    try {
      const reported = await this.#verify(false).then(
        ({ ok }) => (ok ? 'ok' : 'damage'),
        (error: unknown) => String((error as { code?: string }).code),
      );
      if (reported === 'undefined') throw fail('verify failed with a bug');
      const repaired = await this.#verify(true);
      if (!repaired.ok) throw fail(`not repaired: ${JSON.stringify(repaired)}`);
      const again = await this.#verify(false);
      if (!again.ok || again.repaired > 0) throw fail(`not whole after the repair: ${JSON.stringify(again)}`);
      await this.#damaged.start({ watch: false });
      try {
        await untilEqual([this.#good, this.#damaged], AbortSignal.timeout(15_000));
      } finally {
        await this.#damaged.stop();
      }
      for (const peer of [this.#good, this.#damaged]) {
        const wrong = await this.#difference(peer);
        if (wrong !== undefined) throw fail(wrong);
      }
      return { done, reported };
    } catch (error) {
      throw error instanceof Error && error.message.startsWith('seed ') ? error : fail(String(error), error);
    }
  }

  async close(): Promise<void> {
    await this.#good.stop();
    await this.#scratch.remove();
  }

  #verify(repair: boolean): Promise<VerifyResult> {
    return verify(layoutOf(this.#damaged.directory), {
      files: true,
      store: true,
      repair,
      patienceMs: 10_000,
      now: Date.now,
      random: Math.random,
      signal: AbortSignal.timeout(30_000),
    });
  }

  async #difference({ directory }: Peer): Promise<string | undefined> {
    const names = (await readdir(directory)).filter((name) => name !== '.shoal').sort();
    const expected = [...this.#contents.keys()].sort();
    if (names.join() !== expected.join()) return `${directory} holds ${names.join()}`;
    for (const [name, bytes] of this.#contents)
      if (!bytes.equals(await readFile(join(directory, name)))) return `${name} in ${directory} is another`;
    return undefined;
  }
}
