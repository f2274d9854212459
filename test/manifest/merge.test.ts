/**
 * Merging, over random histories of three and four devices: merging is commutative, associative and idempotent on
 * the trees that devices reach; devices that have seen the same converge; a write is live, with its content, exactly
 * as long as nobody who saw it wrote over it or deleted it. Then the cases a person asks for, one by one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeTrees, sameContent } from '../../src/manifest/index.js';
import { SimulatedDevices, shown, stepsOf } from './simulated-devices.js';

const runs = { numRuns: Number(process.env['MERGE_RUNS'] ?? 150) };

describe('merging reached trees', () => {
  it('is commutative, associative, idempotent, and absorbs what it has', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(stepsOf(3), { minLength: 4, maxLength: 24 }),
        fc.array(fc.nat(), { minLength: 3, maxLength: 3 }),
        async (steps, picks) => {
          const devices = await SimulatedDevices.run(3, steps);
          const merge = (a: (typeof devices.roots)[0], b: (typeof devices.roots)[0]) =>
            mergeTrees(devices.tree, a, b);
          const pick = (index: number) =>
            devices.history[(picks[index] ?? 0) % devices.history.length] ?? devices.rootOf(0);
          for (const [a, b, c] of [
            [devices.rootOf(0), devices.rootOf(1), devices.rootOf(2)],
            [pick(0), pick(1), pick(2)],
          ] as const) {
            const [ab, ba, bc] = [await merge(a, b), await merge(b, a), await merge(b, c)];
            const dump = async (root: typeof ab) => (await devices.entriesOf(root)).map(shown);
            expect(await dump(ba), 'commutative').toEqual(await dump(ab));
            expect(ba).toBe(ab);
            expect(await dump(await merge(a, bc)), 'associative').toEqual(await dump(await merge(ab, c)));
            expect(await merge(a, bc)).toBe(await merge(ab, c));
            expect(await merge(ab, a)).toBe(ab);
            expect(await merge(b, ab)).toBe(ab);
          }
        },
      ),
      runs,
    );
  });

  it('makes devices converge, and loses and revives no write', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepsOf(4), { minLength: 4, maxLength: 40 }), async (steps) => {
        const devices = await SimulatedDevices.run(4, steps);
        const roots = await devices.converge();
        expect(new Set(roots).size).toBe(1);
        const entries = await devices.entriesOf(devices.rootOf(0));
        for (const [dot, { path, content, isSuperseded }] of devices.writes) {
          const standing = entries.filter(
            (entry) =>
              entry.kind !== 'deleted' &&
              entry.writes.some((write) => dot === `${write.actor}:${write.counter}`),
          );
          expect(standing.length, `${dot} at ${path}`).toBe(isSuperseded ? 0 : 1);
          if (standing[0] !== undefined) expect(sameContent(standing[0], content)).toBe(true);
        }
      }),
      runs,
    );
  });

  it('loses no write where merges were stopped half-way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(stepsOf(3, { broken: true }), { minLength: 4, maxLength: 30 }),
        async (steps) => {
          const devices = await SimulatedDevices.run(3, steps);
          expect(new Set(await devices.converge()).size).toBe(1);
          const entries = await devices.entriesOf(devices.rootOf(0));
          for (const [dot, { content, isSuperseded }] of devices.writes) {
            if (isSuperseded) continue;
            const isLive = entries.some(
              (entry) =>
                entry.kind !== 'deleted' &&
                sameContent(entry, content) &&
                entry.writes.some((write) => dot === `${write.actor}:${write.counter}`),
            );
            expect(isLive, dot).toBe(true);
          }
        },
      ),
      runs,
    );
  });
});
