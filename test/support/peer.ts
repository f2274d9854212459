/** One replica on this machine: its folder, its port, and the `watch` that runs it, which can be killed and started again. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { askRunning } from '../../src/share/control-client.js';
import type { Status, VerifyResult } from '../../src/share/index.js';
import { controlSocketPath, layoutOf } from '../../src/share/layout.js';
import { type CommandResult, mustRunShoal, runShoal } from './shoal-command.js';
import { ShoalProcess } from './shoal-process.js';
import { type Listing, listTree } from './tree-listing.js';

export class Peer {
  readonly name: string;
  readonly directory: string;
  readonly port: number;
  #process: ShoalProcess | undefined;

  constructor(options: { name: string; directory: string; port: number }) {
    this.name = options.name;
    this.directory = options.directory;
    this.port = options.port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Of the running, or else the last, `watch`. */
  get process(): ShoalProcess {
    if (this.#process === undefined) throw new Error(`${this.name} was never started.`);
    return this.#process;
  }

  path(...names: readonly string[]): string {
    return join(this.directory, ...names);
  }

  /** Starts `watch` without waiting for anything. */
  launch(peers: readonly string[] = []): ShoalProcess {
    this.#process = ShoalProcess.start(this.directory, { port: this.port, peers });
    return this.#process;
  }

  /** Starts `watch` and resolves when it is ready. */
  async start(peers: readonly string[] = []): Promise<ShoalProcess> {
    const started = this.launch(peers);
    await started.waitFor('ready');
    return started;
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#process?.kill(signal);
  }

  /** What the running `watch` says of itself, over its control socket: as `status --json`, without the start of a process. */
  async status(): Promise<Status> {
    const path = await controlSocketPath(layoutOf(this.directory));
    const status = await askRunning(path, { command: 'status' }).catch((cause: unknown) => {
      throw new Error(`${this.name} did not answer.\n${this.process.describe()}`, { cause });
    });
    if (status === undefined) throw new Error(`Nobody runs ${this.name}.\n${this.process.describe()}`);
    return status as Status;
  }

  /** What `shoal status --json` prints. */
  async printedStatus(): Promise<Status> {
    return (await mustRunShoal('status', this.directory, '--json')).json<Status>();
  }

  async verify(): Promise<CommandResult & { readonly result: VerifyResult }> {
    const printed = await runShoal('verify', this.directory, '--json');
    return { ...printed, result: printed.json<VerifyResult>() };
  }

  list(options: { content: boolean }): Promise<Listing> {
    return listTree(this.directory, options);
  }

  /** What is left of files that were being made: in `.shoal/tmp`, or with such a name anywhere else. */
  async leftovers(): Promise<string[]> {
    const temporary = (await readdir(this.path('.shoal', 'tmp'))).map((name) => `.shoal/tmp/${name}`);
    const elsewhere = [...(await this.list({ content: false })).keys()].filter((path) =>
      /(^|\/)\.shoal-/.test(path),
    );
    return [...temporary, ...elsewhere];
  }
}
