/**
 * What `shoal verify` does: a run of the verification and, if asked for, the repair of what it finds. The store comes
 * first, because the files are restored from it: nodes of the tree, then the chunks, then the files.
 */
import type { ChunkId } from '../chunking/index.js';
import { escapeForDisplay } from '../folder/index.js';
import type { RelPath } from '../manifest/index.js';
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
  readonly repaired: number;
  readonly unrepaired: number;
  /** What was to be repaired and could not be, and why. */
  readonly left: readonly Left[];
  /** Damaged files that were replaced are kept here until somebody removes them. */
  readonly quarantine: { readonly path: string; readonly files: number; readonly bytes: number };
  readonly seconds: number;
}

export interface Left {
  readonly kind: 'chunk' | 'file';
  /** A chunk id, or a path as displayed. */
  readonly name: string;
  readonly reason: string;
}

export interface VerifyShareOptions extends VerifyOptions {
  /** Where chunks come from that are damaged or missing here; without it nothing is repaired. */
  readonly source?: ChunkSource | undefined;
  /** Told of each damaged or missing file, and of what was restored. */
  readonly onDamagedFile?: (path: RelPath) => void;
  readonly onRestored?: (path: RelPath) => void;
}

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
  await verification.verifyFiles();
  await run.repairFiles(verification);
  return run.result(verification, (options.now() - startedAt) / 1000);
}

class Run {
  readonly #share: OpenShare;
  readonly #options: VerifyShareOptions;
  readonly #chunks = new Tally<ChunkId>();
  readonly #files = new Tally<RelPath>();
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
    const { healed, missing } = await repairTree(this.#share.replica, source, signal);
    this.#nodes.push(...healed, ...missing);
    for (const id of healed) this.#chunks.repair(id);
    for (const id of missing) this.#leaveChunk(id);
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
    const { files, chunks, unlisted } = findings;
    const missing = [...new Set([...chunks.missing, ...this.#nodes])].filter((id) => !chunks.damaged.has(id));
    const unrepaired =
      this.#chunks.unrepaired([...chunks.damaged, ...missing]) +
      this.#files.unrepaired([...files.damaged, ...files.missing]) +
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
      repaired: this.#chunks.repaired + this.#files.repaired,
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
