/**
 * What `shoal verify` does: a run of the verification and, if asked for, the repair of what it finds. The store comes
 * first, because the files are restored from it: nodes of the tree, then the chunks, then the files.
 */
import type { ChunkId } from '../chunking/index.js';
import { escapeForDisplay } from '../folder/index.js';
import type { RelPath } from '../manifest/index.js';
import { adoptTree } from './adopt.js';
import type { ChunkSource } from './chunk-source.js';
import type { OpenShare } from './open-share.js';
import { repairChunks } from './repair-chunks.js';
import { repairFile } from './repair-file.js';
import { repairTree } from './repair-tree.js';
import { type Findings, missingChunksOf, noteFinding, Verification, type VerifyOptions } from './verify.js';
import type { Part } from './verify-position.js';

/** The document of `verify --json`. Lists are bounded; `unrepaired` counts what is not in them, too. */
export interface VerifyResult {
  /** Nothing is damaged, or everything that was is repaired. */
  readonly ok: boolean;
  /** Whether the pass came to its end; if not, the next run goes on at `rest`. */
  readonly complete: boolean;
  readonly rest: { readonly part: Part; readonly after: string | null } | null;
  readonly files: {
    readonly checked: number;
    readonly changed: number;
    readonly damaged: readonly string[];
    readonly missing: readonly string[];
  };
  readonly chunks: {
    readonly checked: number;
    readonly damaged: readonly ChunkId[];
    readonly missing: readonly ChunkId[];
  };
  /** Pack files that are not as they were written, and what is wrong with them; 0 is the index. */
  readonly packs: { readonly damaged: readonly { readonly pack: number; readonly problem: string }[] };
  /** The index of the store was made again. */
  readonly rebuilt: boolean;
  readonly repaired: number;
  readonly unrepaired: number;
  /** What was to be repaired and could not be, and why. */
  readonly left: readonly Left[];
  /** Damaged files that were replaced are kept here until somebody removes them. */
  readonly quarantine: { readonly path: string; readonly files: number; readonly bytes: number };
  readonly seconds: number;
}

export interface Left {
  readonly kind: 'chunk' | 'file' | 'pack';
  /** A chunk id, or a path as displayed. */
  readonly name: string;
  readonly reason: string;
}

export interface VerifyShareOptions extends VerifyOptions {
  /** Where chunks come from that are damaged or missing here; without it nothing is repaired. */
  readonly source?: ChunkSource | undefined;
  /** Whether the own tree may be put together again where it is lost: not while somebody works with it. */
  readonly mayAdopt?: boolean;
  /** The index of the store was made again: what it says may be of an earlier time. */
  readonly isRebuilt?: boolean;
  /** Told of each damaged or missing file, and of what was restored. */
  readonly onDamagedFile?: (path: RelPath) => void;
  readonly onRestored?: (path: RelPath) => void;
}

/** What stands for the index among the packs. */
const indexNumber = 0;
/** A recipe can be so deep that what is missing shows only after so many rounds. */
const recipeRounds = 5;

/** @throws ShoalError or AbortError when `signal` aborts: the position is kept */
export function verifyShare(share: OpenShare, options: VerifyShareOptions): Promise<VerifyResult> {
  return share.replica.activity.run(() => verifyNow(share, options));
}

async function verifyNow(share: OpenShare, options: VerifyShareOptions): Promise<VerifyResult> {
  const startedAt = options.now();
  const run = new Run(share, options);
  await run.repairTree();
  const verification = await Verification.open(share, options);
  await verification.verifyStore();
  await run.repairStore(verification);
  await run.settlePacks(verification);
  await verification.verifyFiles();
  await run.repairFiles(verification);
  return run.result(verification, (options.now() - startedAt) / 1000);
}

class Run {
  readonly #share: OpenShare;
  readonly #options: VerifyShareOptions;
  readonly #chunks = new Tally<ChunkId>();
  readonly #files = new Tally<RelPath>();
  readonly #packs = new Tally<number>();
  readonly #left: Left[] = [];
  /** Nodes of the own tree that were not there when the run began. */
  readonly #nodes: ChunkId[] = [];

  constructor(share: OpenShare, options: VerifyShareOptions) {
    this.#share = share;
    this.#options = options;
  }

  async repairTree(): Promise<void> {
    const { source, signal } = this.#options;
    if (source === undefined) return;
    const { replica } = this.#share;
    const { healed, missing } = await repairTree(replica, replica.root, source, signal);
    this.#nodes.push(...healed, ...missing);
    for (const id of healed) this.#chunks.repair(id);
    const isLost = missing.length > 0 || this.#options.isRebuilt === true || (await this.#isBegunAnew());
    if (this.#options.mayAdopt === true && isLost && (await this.#adopt(source))) {
      // The tree has other nodes now: those that are gone are not missed any more.
      for (const id of missing) this.#chunks.repair(id);
    } else for (const id of missing) this.#leaveChunk(id);
  }

  /** Whether the store knows nothing of the folder yet: as after a `join`, or when it was lost. */
  async #isBegunAnew(): Promise<boolean> {
    const { root, state, tree } = this.#share.replica;
    return state.counter === 0 && root === (await tree.emptyRoot());
  }

  /** @returns false if the peers have to be waited for */
  async #adopt(source: ChunkSource): Promise<boolean> {
    const { signal } = this.#options;
    if ((await source.hasPeers()) && (await source.roots(signal)).length === 0) return false;
    await adoptTree(this.#share, source, signal);
    return true;
  }

  async repairStore({ findings }: Verification): Promise<void> {
    const { source, signal } = this.#options;
    if (source === undefined) return;
    const { missing, damaged } = findings.chunks;
    let wanted = this.#chunks.open([...missing, ...damaged]);
    for (let round = 0; round < recipeRounds && wanted.length > 0; round++) {
      const lost = new Set(await repairChunks(this.#share, wanted, source, signal));
      for (const id of wanted) {
        if (lost.has(id)) this.#leaveChunk(id);
        else this.#chunks.repair(id);
      }
      await this.#findUnder(findings);
      wanted = this.#chunks.open(missing);
    }
  }

  /** Packs are as good as their chunks: once those are back, what is left of the packs is nothing to report. */
  async settlePacks({ findings, rest }: Verification): Promise<void> {
    const { source } = this.#options;
    const packs = [...findings.packs.keys()];
    if (source === undefined || packs.length === 0) return;
    const lost = this.#chunks.unrepaired([...findings.chunks.damaged, ...findings.chunks.missing]);
    if (lost > 0 || findings.unlisted > 0 || (rest !== undefined && rest.part !== 'files')) {
      const reason = 'not all of its chunks are back yet';
      for (const pack of packs) this.#left.push({ kind: 'pack', name: String(pack), reason });
      return;
    }
    // An index that lost writes may have lost this device's count of its own: no dot is to be used twice.
    if (packs.includes(indexNumber))
      await this.#share.replica.takeNewActor(this.#share.replica.state.headTime);
    await this.#share.store.chunks.settlePacks(packs);
    for (const pack of packs) this.#packs.repair(pack);
  }

  async repairFiles({ findings }: Verification): Promise<void> {
    const { damaged, missing } = findings.files;
    const { source, signal } = this.#options;
    const run = new Date(this.#options.now()).toISOString().replaceAll(':', '-');
    for (const path of [...damaged, ...missing]) {
      this.#options.onDamagedFile?.(path);
      if (source === undefined) continue;
      signal?.throwIfAborted();
      const repair = await repairFile(this.#share, path, { source, run, signal });
      if (repair.outcome === 'repaired') {
        this.#files.repair(path);
        this.#options.onRestored?.(path);
      } else if (repair.outcome === 'overtaken') {
        damaged.delete(path);
        missing.delete(path);
        findings.files.changed++;
      } else {
        this.#files.leave(path);
        this.#left.push({ kind: 'file', name: escapeForDisplay(path), reason: repair.reason });
      }
    }
  }

  async result({ findings, rest }: Verification, seconds: number): Promise<VerifyResult> {
    const { files, chunks, packs, unlisted } = findings;
    const missing = [...new Set([...chunks.missing, ...this.#nodes])].filter((id) => !chunks.damaged.has(id));
    const unrepaired =
      this.#chunks.unrepaired([...chunks.damaged, ...missing]) +
      this.#files.unrepaired([...files.damaged, ...files.missing]) +
      this.#packs.unrepaired([...packs.keys()]) +
      unlisted;
    return {
      ok: unrepaired === 0,
      complete: rest === undefined,
      rest:
        rest === undefined
          ? null
          : { ...rest, after: rest.after === null ? null : escapeForDisplay(rest.after) },
      files: {
        checked: files.checked,
        changed: files.changed,
        damaged: [...files.damaged].map(escapeForDisplay),
        missing: [...files.missing].map(escapeForDisplay),
      },
      chunks: { checked: chunks.checked, damaged: [...chunks.damaged], missing },
      packs: { damaged: [...packs].map(([pack, problem]) => ({ pack, problem })) },
      rebuilt: this.#options.isRebuilt === true,
      repaired: this.#chunks.repaired + this.#files.repaired + this.#packs.repaired,
      unrepaired,
      left: this.#left,
      quarantine: { path: '.shoal/quarantine', ...(await this.#share.folder.quarantineTotals()) },
      seconds,
    };
  }

  /** What turns out to be missing once a recipe can be read. */
  async #findUnder(findings: Findings): Promise<void> {
    const { replica } = this.#share;
    for (const path of findings.unreadRecipes) {
      const entry = await replica.storedTree.get(replica.root, path);
      if (entry?.kind !== 'file') continue;
      if (
        await missingChunksOf(this.#share, entry, (id) => noteFinding(findings, findings.chunks.missing, id))
      )
        findings.unreadRecipes.delete(path);
    }
  }

  #leaveChunk(id: ChunkId): void {
    this.#chunks.leave(id);
    this.#left.push({ kind: 'chunk', name: id, reason: 'neither a file here nor a connected peer has it' });
  }
}

/** What became of the findings of one kind. */
class Tally<T> {
  readonly #repaired = new Set<T>();
  readonly #left = new Set<T>();

  repair(item: T): void {
    this.#repaired.add(item);
  }

  leave(item: T): void {
    this.#left.add(item);
  }

  get repaired(): number {
    return this.#repaired.size;
  }

  /** Those of `found` that nothing was tried with. */
  open(found: Iterable<T>): T[] {
    return [...found].filter((item) => !this.#repaired.has(item) && !this.#left.has(item));
  }

  unrepaired(found: readonly T[]): number {
    return found.filter((item) => !this.#repaired.has(item)).length;
  }
}
