/** Child processes that run a TypeScript file of this folder and talk over the IPC channel. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** Forks `file` (in this folder) with `args`; killed when the test is over. */
export function forkHere(file: string, args: readonly string[]): ChildProcess {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [...args], {
    execArgv: ['--import', new URL('./typescript-register.js', import.meta.url).href],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** The next message of `child` that `accept` takes. @throws Error if the child ends before */
export function messageOf<T>(child: ChildProcess, accept: (message: unknown) => message is T): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      if (!accept(message)) return;
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(message);
    };
    const onExit = (code: number | null, signal: string | null): void => {
      reject(new Error(`the child ended (${code ?? signal}) before it sent what was awaited`));
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
  });
}

/** Resolves when `child` has ended. */
export function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
}
