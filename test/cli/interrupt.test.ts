/**
 * Shows what signals do: the first asks the command to end, the second ends the process, and a command that does not
 * listen is ended by the first. Then the same through commands that run in this process, with their exit codes.
 */
import { EventEmitter, once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { BaseCommand } from '../../src/cli/base-command.js';
import { Interrupt } from '../../src/cli/interrupt.js';
import { ShoalError } from '../../src/error.js';

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

describe('Interrupt', () => {
  it('aborts on the first signal and exits on the second', () => {
    const source = new FakeProcess();
    const interrupt = new Interrupt(source);
    const { signal } = interrupt;
    source.emit('SIGTERM');
    expect([signal.aborted, source.exits]).toEqual([true, []]);
    source.emit('SIGINT');
    expect(source.exits).toEqual([130]);
  });

  it('exits on the first when nobody listens', () => {
    const source = new FakeProcess();
    new Interrupt(source);
    source.emit('SIGINT');
    expect(source.exits).toEqual([130]);
  });

  it('leaves no listener behind', () => {
    const source = new FakeProcess();
    new Interrupt(source).dispose();
    expect(source.eventNames()).toEqual([]);
  });
});

describe('a command that is interrupted', () => {
  class Waiting extends BaseCommand {
    static ending: () => void = () => undefined;

    async run(): Promise<void> {
      await this.parse(Waiting);
      const aborted = once(this.signal, 'abort');
      this.interrupt.trigger();
      await aborted;
      Waiting.ending();
    }
  }

  class Staying extends Waiting {
    protected override get endsByInterrupt(): boolean {
      return true;
    }
  }

  const fail = (error: unknown) => (): void => {
    throw error;
  };

  afterEach(() => {
    process.exitCode = undefined;
  });

  it('ends with 130 when its work stopped with an error of waiting', async () => {
    for (const error of [AbortSignal.abort().reason, new ShoalError('UNREACHABLE', 'nobody there')]) {
      Waiting.ending = fail(error);
      await expect(Waiting.run([], import.meta.url)).rejects.toMatchObject({ code: 'CANCELLED' });
    }
  });

  it('ends with 130 when its work stopped without an error', async () => {
    Waiting.ending = () => undefined;
    await Waiting.run([], import.meta.url);
    expect(process.exitCode).toBe(130);
  });

  it('still reports a fault on the way out', async () => {
    Waiting.ending = fail(new ShoalError('STORE_FAILED', 'the disk is full'));
    await expect(Waiting.run([], import.meta.url)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it('is not what a command claims that waited in vain', async () => {
    class Failing extends BaseCommand {
      async run(): Promise<void> {
        await this.parse(Failing);
        throw new ShoalError('UNREACHABLE', 'nobody there');
      }
    }
    await expect(Failing.run([], import.meta.url)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('ends with 0 when that is how it is meant to end', async () => {
    Waiting.ending = fail(AbortSignal.abort().reason);
    await Staying.run([], import.meta.url);
    expect(process.exitCode).toBeUndefined();
  });
});
