/**
 * The main job, end to end: three peers on this machine, files of all kinds put, edited, renamed and deleted on each,
 * one peer killed half-way. A test runs it with a large file of 64 MB, a bench with 650 MB.
 */
import assert from 'node:assert/strict';
import { appendFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Group, proveEqual, untilEqual } from './group.js';
import { poll } from './patience.js';
import type { Peer } from './peer.js';
import { writeSeededFile } from './seeded-file.js';

export interface ScenarioOptions {
  readonly seed: number;
  /** Of the file during whose transfer a peer is killed. */
  readonly largeBytes: number;
  readonly onStep?: (step: ScenarioStep) => void;
  /** Of each wait. */
  readonly patienceMs: number;
}

export interface ScenarioStep {
  readonly name: string;
  readonly seconds: number;
  /** Chunks, as encoded, that all peers together received in the step. */
  readonly payloadBytes: number;
}

export const megabyte = 1_000_000;
const smallFiles = 50;
/** A tree node or two for each change: what a step may move that moves no content. */
const nodesOnlyBytesMax = 64 * 1024;

/** @throws AssertionError or Error saying what did not hold */
export async function runScenario(options: ScenarioOptions): Promise<void> {
  const group = await Group.open(['rw', 'rw']);
  try {
    await new Scenario(group, options).run();
  } finally {
    await group.close();
  }
}

class Scenario {
  readonly #group: Group;
  readonly #options: ScenarioOptions;
  /** What processes that were killed had received. */
  #payloadOfTheDead = 0;

  constructor(group: Group, options: ScenarioOptions) {
    this.#group = group;
    this.#options = options;
  }

  async run(): Promise<void> {
    await this.#step('10 MB put on 1 reach 2 and 3', () => this.#putOnFirst());
    await this.#step('a large file and 50 small ones put on 2, 1 killed half-way', () => this.#killHalfWay());
    await this.#step('a text file added on 3', () => this.#addText());
    await this.#step('the text file partly changed on 3', () => this.#changeText());
    await this.#step('files put on all three at once', () => this.#putOnAll());
    await this.#step('a deletion on 1', () => this.#delete());
    const renamed = await this.#step('a rename on 2', () => this.#rename());
    assert(renamed.payloadBytes < nodesOnlyBytesMax, `a rename moved ${renamed.payloadBytes} bytes`);
    await this.#step('trees compared, verified', () => proveEqual(this.#group.peers));
  }

  async #step(name: string, action: () => Promise<void>): Promise<ScenarioStep> {
    const before = await this.#payloadIn();
    const startedAt = performance.now();
    await action();
    const seconds = (performance.now() - startedAt) / 1000;
    const step = { name, seconds, payloadBytes: (await this.#payloadIn()) - before };
    this.#options.onStep?.(step);
    return step;
  }

  async #payloadIn(): Promise<number> {
    let bytes = this.#payloadOfTheDead;
    for (const peer of this.#group.peers) bytes += (await peer.status()).transfer.payloadIn;
    return bytes;
  }

  async #putOnFirst(): Promise<void> {
    await writeSeededFile(this.#peer(1).path('ten.bin'), this.#options.seed, 10 * megabyte);
    await this.#untilEqual();
    await this.#assertEverywhere('ten.bin');
  }

  async #killHalfWay(): Promise<void> {
    const [first, second, third] = [this.#peer(1), this.#peer(2), this.#peer(3)];
    const before = await first.status();
    await this.#putLarge(second);
    await mkdir(second.path('small'));
    for (let index = 0; index < smallFiles; index++)
      await writeFile(
        second.path('small', `${index}.txt`),
        `small file ${index} of seed ${this.#options.seed}\n`,
      );
    await this.#untilReceived(first, before.transfer.payloadIn + this.#options.largeBytes / 4);
    this.#payloadOfTheDead += (await first.status()).transfer.payloadIn;
    await first.stop('SIGKILL');
    const listing = await first.list({ content: false });
    assert(!listing.has('large.bin'), 'the large file was there before the kill: it came too late');

    await untilEqual([second, third], this.#options.patienceMs);
    const stored = (await first.printedStatus()).store;
    assert(
      stored.bytes - before.store.bytes > this.#options.largeBytes / 8,
      `of ${this.#options.largeBytes / 4} bytes only ${stored.bytes - before.store.bytes} were kept over the kill`,
    );
    await first.start();
    await this.#untilEqual();
    const after = await first.status();
    // Every byte that came after the restart was new to the store: nothing that was stored is fetched again.
    assert(
      after.transfer.payloadIn <= after.store.bytes - stored.bytes,
      `${after.transfer.payloadIn} bytes came after the restart, and only ${after.store.bytes - stored.bytes} were new`,
    );
  }

  async #addText(): Promise<void> {
    const lines = Array.from({ length: 4000 }, (_, index) => `line ${index} of the text\n`);
    await writeFile(this.#peer(3).path('notes.txt'), lines.join(''));
    await this.#untilEqual();
    await this.#assertEverywhere('notes.txt');
  }

  async #changeText(): Promise<void> {
    const path = this.#peer(3).path('notes.txt');
    const lines = Array.from({ length: 4000 }, (_, index) => `line ${index} of the text\n`);
    lines[2000] = 'this line was changed\n';
    await writeFile(path, lines.join(''));
    await appendFile(path, 'and this one was added\n');
    await this.#untilEqual();
  }

  async #putOnAll(): Promise<void> {
    await Promise.all(
      this.#group.peers.map((peer, index) =>
        writeSeededFile(peer.path(`from-${peer.name}.bin`), this.#options.seed + index + 10, megabyte),
      ),
    );
    await this.#untilEqual();
    for (const { name } of this.#group.peers) await this.#assertEverywhere(`from-${name}.bin`);
  }

  async #delete(): Promise<void> {
    await rm(this.#peer(1).path('small', '7.txt'));
    await this.#untilEqual();
    for (const peer of this.#group.peers) {
      const listing = await peer.list({ content: false });
      assert(!listing.has('small/7.txt'), `small/7.txt is still on ${peer.name}`);
    }
  }

  async #rename(): Promise<void> {
    const second = this.#peer(2);
    await rename(second.path('large.bin'), second.path('small', 'renamed.bin'));
    await this.#untilEqual();
    await this.#assertEverywhere('small/renamed.bin');
  }

  /** Made outside the share and moved in whole. */
  async #putLarge(peer: Peer): Promise<void> {
    const outside = join(this.#group.directory, 'large.bin');
    await writeSeededFile(outside, this.#options.seed + 1, this.#options.largeBytes);
    await rename(outside, peer.path('large.bin'));
  }

  async #untilReceived(peer: Peer, payloadBytes: number): Promise<void> {
    await poll(async () => ((await peer.status()).transfer.payloadIn >= payloadBytes ? true : undefined), {
      until: `${peer.name} had received ${payloadBytes} bytes`,
      describe: () => peer.process.describe(),
      patienceMs: this.#options.patienceMs,
      pollMs: 5,
    });
  }

  async #assertEverywhere(path: string): Promise<void> {
    for (const peer of this.#group.peers) {
      const listing = await peer.list({ content: false });
      assert(listing.has(path), `${path} is not on ${peer.name}`);
    }
  }

  #untilEqual(): Promise<string> {
    return untilEqual(this.#group.peers, this.#options.patienceMs);
  }

  /** @param number - 1, 2 or 3, as in the names of the steps */
  #peer(number: number): Peer {
    return this.#group.peer(number - 1);
  }
}
