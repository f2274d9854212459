/**
 * Daemon: a share at work. It joins the loops: folder changes become writes, heads of others become pulls, and
 * every change of the own tree becomes a signed head that the mesh announces. `watch` keeps it running, `sync` runs it
 * until the members agree.
 */
import { type ChunkId, parseChunkId } from '../chunking/index.js';
import { isShoalError, ShoalError } from '../error.js';
import { escapeForDisplay } from '../folder/index.js';
import type { RelPath } from '../manifest/index.js';
import type { DeviceId, SignedHead } from '../trust/index.js';
import type { ApplyResult } from './apply.js';
import { type BlockedPath, BlockedPaths } from './blocked-paths.js';
import { ConnectedPeers } from './chunk-source.js';
import { claimMembership, pendingTicket } from './claim.js';
import { portTries, writeConfig } from './config.js';
import type { ShareListener } from './event.js';
import { Healer } from './healer.js';
import { saveMembership } from './membership-copy.js';
import { Mesh } from './mesh.js';
import type { OpenShare } from './open-share.js';
import { PullLoop, type PullTarget } from './pull-loop.js';
import { pullTargets } from './pull-targets.js';
import { parseRate } from './rate.js';
import { type ReconcileResult, reconcile } from './reconcile.js';
import type { ScanOptions, ScanResult } from './scan.js';
import { ScanLoop } from './scan-loop.js';
import type { AskSpace } from './space.js';

export interface DaemonOptions {
  readonly port?: number | undefined;
  /** HOST:PORT, beside those in the settings. */
  readonly peers: readonly string[];
  /** Rates as `parseRate` reads them, in place of those in the settings. */
  readonly limitUp?: string | undefined;
  readonly limitDown?: string | undefined;
  /** Whether to watch the folder; without it only the scans that are asked for happen. */
  readonly watch: boolean;
  /** Of the folder's file system; asked of it if not given. */
  readonly askSpace?: AskSpace | undefined;
  readonly now: () => number;
  readonly random: () => number;
  readonly listener: ShareListener;
  readonly signal: AbortSignal;
}

/** What was done since the daemon started. */
export interface Counts {
  sent: number;
  received: number;
  deleted: number;
  conflicts: number;
}

/** At most so many paths are named in one `applied` event. */
const pathsPerEventMax = 100;
/** Between two `pending` events. */
const pendingEventMs = 200;

export class Daemon {
  readonly share: OpenShare;
  readonly counts: Counts = { sent: 0, received: 0, deleted: 0, conflicts: 0 };
  readonly #options: DaemonOptions;
  readonly #mesh: Mesh;
  readonly #scans: ScanLoop;
  readonly #pulls: PullLoop;
  readonly #blocked: BlockedPaths;
  readonly #healer: Healer;
  /** Of the payload that went to each peer, what was told by `sent`. */
  readonly #sentTold = new Map<DeviceId, number>();
  readonly #stop = new AbortController();
  readonly #stateListeners = new Set<() => void>();
  #watcher: { close(): Promise<void> } | undefined;
  #held: ScanResult['held'];
  #deletionsApproved = false;
  #announcedRoot: string | undefined;
  #wasInSync = false;
  #pending = { files: 0, bytes: 0 };
  #pendingToldAt = 0;
  #fatal: ShoalError | undefined;
  #saving: Promise<void> = Promise.resolve();

  private constructor(share: OpenShare, mesh: Mesh, options: DaemonOptions) {
    this.share = share;
    this.#mesh = mesh;
    this.#options = options;
    this.#blocked = new BlockedPaths(options.listener);
    this.#healer = new Healer({
      share,
      source: new ConnectedPeers(mesh),
      // What could not be scanned, merged or served for want of them is tried again.
      onHealed: (ids) => {
        options.listener({ event: 'healed', ids });
        this.#scans.hint('everything');
        this.poke();
      },
      onError: (error) => this.#onError(error),
    });
    this.#scans = new ScanLoop({
      scanOptions: () => this.#scanOptions(),
      onScanned: (result, seconds, places) => this.#onScanned(result, seconds, places),
      onError: (error) => this.#onError(error),
      onIdle: () => this.#changed(),
      now: options.now,
    });
    this.#pulls = new PullLoop({
      targets: () => pullTargets(this.#mesh, share.replica.device, share.replica.root),
      reconcile: (target) => this.#reconcile(target),
      onReconciled: (target, result) => this.#onReconciled(target, result),
      onError: (error) => this.#onError(error),
      onIdle: () => this.#changed(),
    });
  }

  /** Starts everything: watcher, first scan with the port opened meanwhile, then the dialling. @throws ShoalError what `openShare`, the port or the watcher say */
  static async start(share: OpenShare, options: DaemonOptions): Promise<Daemon> {
    const late: { daemon?: Daemon } = {};
    const mesh = await Mesh.prepare({
      replica: share.replica,
      name: share.config.name,
      host: '0.0.0.0',
      port: options.port ?? share.config.port,
      portTries: options.port === undefined ? portTries : 0,
      peers: [...share.config.peers, ...options.peers],
      limitUp: rateOf(options.limitUp ?? share.config.limitUp, '--limit-up'),
      limitDown: rateOf(options.limitDown ?? share.config.limitDown, '--limit-down'),
      now: options.now,
      random: options.random,
      events: {
        onHead: () => late.daemon?.poke(),
        onFresh: () => late.daemon?.poke(),
        onOwnRole: () => late.daemon?.onOwnRole(),
        onMembersKept: () => late.daemon?.onMembersKept(),
        onPeer: (device, state, detail) => late.daemon?.onPeer(device, state, detail),
        onReport: (text) => options.listener({ event: 'report', text: escapeForDisplay(text) }),
        onRolledBack: (headTime) => late.daemon?.onRolledBack(headTime),
        onError: (error) => late.daemon?.onFailure(error),
      },
    });
    const daemon = new Daemon(share, mesh, options);
    late.daemon = daemon;
    try {
      await daemon.#begin();
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return daemon;
  }

  get mesh(): Mesh {
    return this.#mesh;
  }

  get held(): ScanResult['held'] {
    return this.#held;
  }

  get pending(): { files: number; bytes: number } {
    return this.#pending;
  }

  get blocked(): BlockedPath[] {
    return this.#blocked.list;
  }

  /** Why the daemon cannot go on, if it cannot: the folder is gone, or the store cannot be written. */
  get fatal(): ShoalError | undefined {
    return this.#fatal;
  }

  get isWatching(): boolean {
    return this.#watcher !== undefined;
  }

  /** Whether nothing is being scanned, nothing is being merged, and every member's newest head names our root. */
  get isInSync(): boolean {
    return !this.#scans.isBusy && !this.#pulls.isBusy && this.#arePeersEqual;
  }

  get #arePeersEqual(): boolean {
    return this.#mesh.peers.every((peer) => this.isPeerInSync(peer.device));
  }

  isPeerInSync(device: DeviceId): boolean {
    return this.#mesh.isAt(device, this.share.replica.root);
  }

  scanNow(): Promise<void> {
    return this.#scans.scanNow('everything');
  }

  /** Has a scan look at `path` soon. */
  lookAt(path: RelPath): void {
    this.#scans.hint(path);
  }

  /** Lets the held deletions through, once. */
  async approve(): Promise<number> {
    const held = this.#held?.deletions ?? 0;
    this.#deletionsApproved = true;
    try {
      await this.scanNow();
    } finally {
      this.#deletionsApproved = false;
    }
    return held;
  }

  /** Resolves when `isReached` holds; it is asked again whenever something changed. @returns false if `signal` aborts first */
  until(isReached: () => boolean, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (isReached()) finish(true);
        else if (signal.aborted || this.#stop.signal.aborted) finish(false);
      };
      const finish = (reached: boolean): void => {
        this.#stateListeners.delete(check);
        signal.removeEventListener('abort', check);
        this.#stop.signal.removeEventListener('abort', check);
        resolve(reached);
      };
      this.#stateListeners.add(check);
      signal.addEventListener('abort', check);
      this.#stop.signal.addEventListener('abort', check);
      check();
    });
  }

  poke(): void {
    this.#pulls.poke();
    this.#changed();
  }

  onPeer(device: DeviceId, state: 'connected' | 'disconnected', detail: string): void {
    this.#options.listener({
      event: 'peer',
      device,
      name: escapeForDisplay(this.#mesh.nameOf(device)),
      state,
      detail,
    });
    if (state === 'connected') this.#healer.poke();
    this.poke();
  }

  /** What this device may do has changed: what it kept back may be taken in now. */
  onOwnRole(): void {
    this.#scans.hint('everything');
  }

  onMembersKept(): void {
    this.#saving = this.#saving
      .then(() => saveMembership(this.share.layout, this.share.store))
      .catch((error: unknown) => this.#onError(error));
  }

  onRolledBack(headTime: number): void {
    this.#options.listener({
      event: 'report',
      text: 'Peers know later changes of this device than it does: its state was restored or copied, so it goes on under a new identity for its changes. Nothing is lost.',
    });
    this.share.replica
      .takeNewActor(headTime)
      .then(async () => this.#mesh.announce(await this.#signHead()))
      .catch((error: unknown) => this.#onError(error));
  }

  onFailure(error: unknown): void {
    this.#onError(error);
  }

  /** A chunk in the store turned out damaged. */
  onDamage(id: ChunkId): void {
    this.#healer.note(id);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watcher?.close();
    this.#mesh.fetcher.close();
    await this.#healer.close();
    await this.#scans.close();
    await this.#pulls.close();
    await this.#mesh.close();
    await this.#saving;
  }

  async #begin(): Promise<void> {
    if (this.#options.watch) {
      this.#watcher = await this.share.folder.watch(
        (hint) => this.#scans.hint(hint),
        (error) => this.#onError(error),
      );
    }
    await this.#claim();
    const scanning = this.#scans.scanNow('everything');
    await this.#listen(); // meanwhile, as a walk takes place in another thread
    await scanning;
    if (this.#fatal !== undefined) throw this.#fatal;
    // The scan was cut short: no head is signed over what was not looked at.
    if (this.#options.signal.aborted) return;
    this.#mesh.start(await this.#signHead());
    this.#options.listener({ event: 'ready', address: this.#mesh.address });
    this.#changed();
  }

  /** The port is remembered: others dial it. */
  async #listen(): Promise<void> {
    await this.#mesh.listen();
    const { layout, config } = this.share;
    const { port } = this.#mesh.address;
    if (port !== config.port) await writeConfig(layout, { ...config, port });
  }

  /** A ticket whose inviter did not answer at `join` is brought there now, and again until it is answered. */
  async #claim(): Promise<void> {
    const { store, config, replica } = this.share;
    const ticket = await pendingTicket(store);
    if (ticket === undefined) return;
    this.#options.listener({
      event: 'report',
      text: `Waiting for the inviter at ${ticket.addresses.join(', ')} to answer the ticket.`,
    });
    const signal = AbortSignal.any([this.#options.signal, this.#stop.signal]);
    const isMember = await claimMembership(store, {
      secrets: replica.secrets,
      ticket,
      name: config.name,
      signal,
    });
    if (!isMember)
      throw new ShoalError(
        'UNREACHABLE',
        `The inviter at ${ticket.addresses.join(', ')} did not answer: check that \`shoal watch\` runs there.`,
      );
    await this.#mesh.reloadMembers();
  }

  get #mayWrite(): boolean {
    return this.#mesh.role(this.share.replica.device) === 'rw';
  }

  #scanOptions(): ScanOptions {
    const { replica, folder } = this.share;
    return {
      replica,
      folder,
      mayWrite: this.#mayWrite,
      deletionsApproved: this.#deletionsApproved,
      now: this.#options.now,
      // The first scan runs before anybody waits for the signal: whoever interrupts, or set a time limit, is heard there too.
      signal: AbortSignal.any([this.#options.signal, this.#stop.signal]),
    };
  }

  async #onScanned(result: ScanResult, seconds: number, places?: readonly RelPath[]): Promise<void> {
    const { listener } = this.#options;
    const isFull = places === undefined;
    this.#blocked.noteScan(result.blocked, places);
    for (const path of result.damaged) listener({ event: 'damage', path: escapeForDisplay(path) });
    if (isFull || result.held !== undefined) this.#held = result.held;
    if (result.held !== undefined) listener({ event: 'held', ...result.held });
    this.counts.sent += result.changed + result.deleted;
    if (isFull || result.changed + result.deleted > 0)
      listener({ event: 'scan', changed: result.changed, deleted: result.deleted, seconds });
    await this.#announce();
    this.poke();
  }

  #reconcile({ root, sources }: PullTarget): Promise<ReconcileResult> {
    const { replica, folder } = this.share;
    return reconcile(root, {
      replica,
      folder,
      fetcher: this.#mesh.fetcher,
      mayWrite: this.#mayWrite,
      askSpace: this.#options.askSpace ?? (() => folder.space()),
      sources,
      onPending: (pending) => this.#onPending(pending),
      onApplied: (result) => this.#onApplied(result),
      signal: this.#stop.signal,
    });
  }

  #onPending(pending: { files: number; bytes: number }): void {
    this.#pending = pending;
    const now = this.#options.now();
    if (pending.files > 0 && now - this.#pendingToldAt < pendingEventMs) return;
    this.#pendingToldAt = now;
    this.#options.listener({ event: 'pending', ...pending });
  }

  #onApplied({ applied }: ApplyResult): void {
    const visible = applied.filter(({ work }) => work !== 'record');
    if (visible.length === 0) return;
    const deleted = visible.filter(({ work }) => work === 'delete').length;
    this.counts.received += visible.length - deleted;
    this.counts.deleted += deleted;
    this.#options.listener({
      event: 'applied',
      files: visible.length - deleted,
      deleted,
      paths: visible.slice(0, pathsPerEventMax).map(({ path }) => escapeForDisplay(path)),
    });
  }

  async #onReconciled(_target: PullTarget, result: ReconcileResult): Promise<void> {
    const { listener } = this.#options;
    this.#pending = { files: 0, bytes: 0 };
    this.#blocked.noteApply(result.blocked);
    this.#blocked.noteSpace(undefined);
    for (const path of result.conflicts) {
      this.counts.conflicts++;
      listener({ event: 'conflict', path: escapeForDisplay(path) });
    }
    for (const path of result.differing) this.#scans.hint(path as RelPath);
    await this.#announce();
    this.#changed();
  }

  /** Signs and announces a head if the root is not the announced one. */
  async #announce(): Promise<void> {
    if (this.#announcedRoot === undefined || this.#announcedRoot === this.share.replica.root) return;
    this.#mesh.announce(await this.#signHead());
    this.#changed();
  }

  async #signHead(): Promise<SignedHead> {
    const head = await this.share.replica.signHead();
    this.#announcedRoot = head.head.root;
    return head;
  }

  /** One event for each peer that came to our root, with what it took. */
  #tellSent(): void {
    for (const { device } of this.#mesh.peers) {
      const total = this.#mesh.payloadOutTo(device);
      const told = this.#sentTold.get(device) ?? 0;
      if (total === told || !this.isPeerInSync(device)) continue;
      this.#sentTold.set(device, total);
      // Less than was told before: it is another session, which begins anew.
      const bytes = total > told ? total - told : total;
      const name = escapeForDisplay(this.#mesh.nameOf(device));
      if (bytes > 0) this.#options.listener({ event: 'sent', device, name, bytes });
    }
  }

  #changed(): void {
    for (const listener of [...this.#stateListeners]) listener();
    this.#tellSent();
    const isInSync = this.#announcedRoot !== undefined && this.#mesh.peers.length > 0 && this.isInSync;
    if (isInSync && !this.#wasInSync)
      this.#options.listener({ event: 'insync', root: this.share.replica.root });
    // A scan of what was just put in place is no reason to say it twice.
    this.#wasInSync = isInSync || (this.#wasInSync && this.#arePeersEqual);
  }

  #onError(error: unknown): void {
    const isEnding = this.#options.signal.aborted || this.#stop.signal.aborted;
    if (isShoalError(error, 'CANCELLED') || isEnding) return;
    if (isShoalError(error, 'NO_SPACE')) {
      // The pull loop tries again after a while: said once, and in `status` until there is space.
      this.#blocked.noteSpace(error.message);
      return;
    }
    if (isShoalError(error, 'CHUNK_MISSING') && typeof error.data.id === 'string')
      this.#healer.note(parseChunkId(error.data.id));
    const code = error instanceof ShoalError ? error.code : 'BUG';
    const text = error instanceof Error ? error.message : String(error);
    this.#options.listener({ event: 'error', code, text: escapeForDisplay(text) });
    if (isFatal(error)) {
      this.#fatal = error instanceof ShoalError ? error : new ShoalError('IO', text, { cause: error });
      this.#stop.abort();
    }
  }

  /** Aborted when the daemon was stopped, or cannot go on. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }
}

function rateOf(text: string | undefined, name: string): number | undefined {
  return text === undefined ? undefined : parseRate(text, { name });
}

/** Faults after which going on could lose data: the folder is gone, the store cannot be trusted, or it is a bug. */
function isFatal(error: unknown): boolean {
  if (!(error instanceof ShoalError)) return true;
  return ['NOT_A_SHARE', 'STORE_FAILED', 'STORE_DAMAGED', 'STORE_UNOPENABLE'].includes(error.code);
}
