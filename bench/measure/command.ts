/** One command of any program, measured as a whole: wall and processor seconds, and peak memory. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { childEnvironment } from '../../test/support/shoal-command.js';

export interface Measured {
  readonly seconds: number;
  /** User and system, of all processes that the command began and waited for. */
  readonly cpuSeconds: number;
  /** Of the command's process and those below it, added up. */
  readonly peakMemoryBytes: number;
}

const sampleMs = 10;
/** Of `times`, by POSIX; Linux has always counted so for user space. */
const ticksPerSecond = 100;

/** @throws Error with what the command said, if it did not succeed */
export async function measureCommand(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Measured> {
  const cpuBefore = await childrenCpuSeconds();
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
  const peaks = new Map<number, number>();
  const sampling = setInterval(() => void samplePeaks(child.pid, peaks), sampleMs);
  try {
    const code = await ended;
    const seconds = (performance.now() - startedAt) / 1000;
    if (code !== 0) throw new Error(`\`${program} ${args.join(' ')}\` ended with ${code}: ${await said}`);
    const peakMemoryBytes = [...peaks.values()].reduce((sum, bytes) => sum + bytes, 0);
    return { seconds, cpuSeconds: (await childrenCpuSeconds()) - cpuBefore, peakMemoryBytes };
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
async function childrenCpuSeconds(): Promise<number> {
  const stat = await readFile('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/** Notes the highest memory so far of `pid` and of the processes below it. */
async function samplePeaks(pid: number | undefined, peaks: Map<number, number>): Promise<void> {
  if (pid === undefined) return;
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kibibytes !== undefined) peaks.set(pid, Number(kibibytes) * 1024);
    for (const task of await readdir(`/proc/${pid}/task`)) {
      const children = await readFile(`/proc/${pid}/task/${task}/children`, 'utf8');
      for (const child of children.split(' ').filter(Boolean)) await samplePeaks(Number(child), peaks);
    }
  } catch {
    // It has just ended: what was noted is all there is.
  }
}
