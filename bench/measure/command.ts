/** One command of any program, measured as a whole: wall and processor seconds, and peak memory. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { childEnvironment } from '../../test/support/shoal-command.js';

export interface Measured {
  readonly seconds: number;
  /** User and system, of all processes that the command began and waited for. */
  readonly cpuSeconds: number;
  /** Of the command's process and those below it, added up. */
  readonly peakMemoryBytes: number;
}

/** Between two looks at the memory of the processes that are known. */
const sampleMs = 10;
/** Looks between two searches for more of them: a search reads a file for each thread. */
const looksPerSearch = 20;
/** Of `times`, by POSIX; Linux has always counted so for user space. */
const ticksPerSecond = 100;

/** @throws Error with what the command said, if it did not succeed */
export async function measureCommand(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Measured> {
  const cpuBefore = childrenCpuSeconds();
  const startedAt = performance.now();
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...childEnvironment(), ...env },
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const said = text(child.stderr);
  const peaks = new PeakMemory(child.pid);
  const sampling = setInterval(() => peaks.look(), sampleMs);
  try {
    const code = await ended;
    const seconds = (performance.now() - startedAt) / 1000;
    if (code !== 0) throw new Error(`\`${program} ${args.join(' ')}\` ended with ${code}: ${await said}`);
    return { seconds, cpuSeconds: childrenCpuSeconds() - cpuBefore, peakMemoryBytes: peaks.bytes };
  } finally {
    clearInterval(sampling);
  }
}

/** Whether `program` can be run here. */
export async function isInstalled(program: string): Promise<boolean> {
  const child = spawn(program, ['--version'], { stdio: 'ignore' });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', () => resolve(true));
  });
}

/** Of all children that have ended and were waited for. @see proc(5), /proc/pid/stat, cutime and cstime */
function childrenCpuSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/**
 * The highest memory of a process and of those below it. It must not take a processor that it measures: to read the files
 * of all threads at each look took a third of one, from a program with many threads.
 */
class PeakMemory {
  readonly #root: number | undefined;
  readonly #peaks = new Map<number, number>();
  #pids: readonly number[] = [];
  #looks = 0;

  constructor(pid: number | undefined) {
    this.#root = pid;
  }

  get bytes(): number {
    return [...this.#peaks.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  look(): void {
    if (this.#root !== undefined && this.#looks++ % looksPerSearch === 0)
      this.#pids = [this.#root, ...processesBelow(this.#root)];
    for (const pid of this.#pids) {
      const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`))?.[1];
      if (kibibytes !== undefined) this.#peaks.set(pid, Number(kibibytes) * 1024);
    }
  }
}

function processesBelow(pid: number): number[] {
  const children = tasksOf(pid).flatMap((task) =>
    textOf(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
  );
  return children.flatMap((child) => [child, ...processesBelow(child)]);
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has just ended
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has just ended: what was noted is all there is
  }
}
