/**
 * Snapshots against the backup tools: the first of random bytes, the first of a source tree, then with nothing changed
 * and with one file changed, and the memory that one huge file takes. Every tool starts as a process of its own on an
 * empty store. The tools take turns, one run each side by side. Before each the folder is read once, so that all find it in
 * the page cache as far as the system keeps it there, and the disk is given what earlier ones left to be written. The figures
 * are medians. What does not shrink cannot be stored in less time than the disk takes to write it, so there that is measured, too.
 */
import { createReadStream } from 'node:fs';
import { access, appendFile, lstat, mkdir, mkdtemp, opendir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { writeSeededFile } from '../test/support/seeded-file.js';
import { type Measured, measureCommand } from './measure/command.js';
import { diskAlone, type SnapshotTool, snapshotTools, type Workspace } from './measure/snapshot-tool.js';
import { printTable } from './measure/table.js';

const gibibyte = 2 ** 30;
/** What `st_blocks` counts. */
const blockBytes = 512;
const seed = 20_261_122;
const sourceTarball = '/usr/src/linux-source-6.1.tar.xz';

/** One row of figures: a tool in a situation, over all runs. */
interface Row {
  readonly situation: string;
  readonly tool: string;
  readonly runs: Measured[];
  storeBytes: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '3' },
      only: { type: 'string' },
      source: { type: 'string', default: sourceTarball },
      'huge-gib': { type: 'string', default: '10' },
    },
  });
  const runs = Number(values.runs);
  const wanted = (name: string): boolean => values.only === undefined || values.only === name;
  const directory = await mkdtemp(join(tmpdir(), 'shoal-bench-'));
  try {
    if (wanted('random')) await benchRandom(directory, runs);
    if (wanted('source')) await benchSource(directory, runs, values.source);
    if (wanted('huge')) await benchHuge(directory, Number(values['huge-gib']));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function benchRandom(directory: string, runs: number): Promise<void> {
  const workspace = await workspaceIn(directory, 'random');
  await writeSeededFile(join(workspace.folder, 'random.bin'), seed, gibibyte);
  const rows = await turns(
    workspace,
    runs,
    await toolsThere([...snapshotTools.filter(({ name }) => name !== 'rsync'), diskAlone]),
    async (tool, note) => {
      note('first', await tool.snapshot(workspace, 0));
    },
  );
  report('1 GiB of random bytes', rows);
  await rm(join(directory, 'random'), { recursive: true });
}

async function benchSource(directory: string, runs: number, tarball: string): Promise<void> {
  try {
    await access(tarball);
  } catch {
    console.log(
      `Skipped the source tree: ${tarball} is not there (Debian: apt-get install linux-source-6.1).\n`,
    );
    return;
  }
  const workspace = await workspaceIn(directory, 'source');
  await measureCommand('tar', ['--extract', '--file', tarball, '--directory', workspace.folder]);
  const changed = await firstFileIn(workspace.folder);
  const rows = await turns(workspace, runs, await toolsThere(snapshotTools), async (tool, note) => {
    note('first', await tool.snapshot(workspace, 0));
    note('unchanged', await tool.snapshot(workspace, 1));
    await appendFile(changed, '\n');
    note('one file changed', await tool.snapshot(workspace, 2));
  });
  report(`source tree ${tarball}`, rows);
  await rm(join(directory, 'source'), { recursive: true });
}

async function benchHuge(directory: string, gibibytes: number): Promise<void> {
  const workspace = await workspaceIn(directory, 'huge');
  await writeSeededFile(join(workspace.folder, 'huge.bin'), seed, gibibytes * gibibyte);
  const tools = snapshotTools.filter(({ name }) => name === 'shoal');
  const rows = await turns(workspace, 1, tools, async (tool, note) => {
    note('first', await tool.snapshot(workspace, 0));
  });
  report(`one file of ${gibibytes} GiB`, rows);
  await rm(join(directory, 'huge'), { recursive: true });
}

/** Lets the tools take turns, `runs` times. */
async function turns(
  workspace: Workspace,
  runs: number,
  tools: readonly SnapshotTool[],
  measure: (tool: SnapshotTool, note: (situation: string, measured: Measured) => void) => Promise<void>,
): Promise<Row[]> {
  const rows: Row[] = [];
  const rowOf = (situation: string, tool: string): Row => {
    const known = rows.find((row) => row.situation === situation && row.tool === tool);
    const row = known ?? { situation, tool, runs: [], storeBytes: 0 };
    if (known === undefined) rows.push(row);
    return row;
  };
  for (let count = 0; count < runs; count++) {
    for (const tool of tools) {
      await tool.prepare(workspace);
      await readAll(workspace.folder);
      await measureCommand('sync', []);
      await measure(tool, (situation, measured) => rowOf(situation, tool.name).runs.push(measured));
      for (const row of rows.filter(({ tool: name }) => name === tool.name))
        row.storeBytes = await bytesIn(tool.storeOf(workspace));
      await rm(tool.storeOf(workspace), { recursive: true, force: true });
    }
  }
  return rows;
}

function report(what: string, rows: readonly Row[]): void {
  console.log(`${what}\n`);
  const situations = [...new Set(rows.map(({ situation }) => situation))];
  for (const situation of situations) {
    const of = rows.filter((row) => row.situation === situation);
    const own = median(of.find(({ tool }) => tool === 'shoal')?.runs.map(({ seconds }) => seconds) ?? []);
    printTable(
      [situation, 'seconds', 'all runs', 'times shoal', 'processor s', 'peak MB', 'store MiB'],
      of.map(({ tool, runs, storeBytes }) => [
        tool,
        median(runs.map(({ seconds }) => seconds)).toFixed(2),
        runs.map(({ seconds }) => seconds.toFixed(2)).join(' '),
        (median(runs.map(({ seconds }) => seconds)) / own).toFixed(2),
        median(runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
        (Math.max(...runs.map(({ peakMemoryBytes }) => peakMemoryBytes)) / 1e6).toFixed(0),
        (storeBytes / 2 ** 20).toFixed(0),
      ]),
    );
  }
}

async function toolsThere(tools: readonly SnapshotTool[]): Promise<SnapshotTool[]> {
  const there: SnapshotTool[] = [];
  for (const tool of tools) {
    if (await tool.isThere()) there.push(tool);
    else console.log(`Skipped ${tool.name}: it is not installed.`);
  }
  return there;
}

async function workspaceIn(directory: string, name: string): Promise<Workspace> {
  const workspace = { folder: join(directory, name, 'folder'), scratch: join(directory, name, 'stores') };
  for (const path of Object.values(workspace)) await mkdir(path, { recursive: true });
  return workspace;
}

async function readAll(directory: string): Promise<void> {
  for await (const entry of await opendir(directory, { recursive: true })) {
    if (entry.isFile()) await finished(createReadStream(join(entry.parentPath, entry.name)).resume());
  }
}

async function firstFileIn(directory: string): Promise<string> {
  for await (const entry of await opendir(directory, { recursive: true })) {
    if (entry.isFile() && entry.name.endsWith('.c')) return join(entry.parentPath, entry.name);
  }
  throw new Error(`No C file is in ${directory}.`);
}

/** What the files of a directory take on the disk. */
async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await lstat(join(entry.parentPath, entry.name))).blocks * blockBytes;
  }
  return bytes;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
