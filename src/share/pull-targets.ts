/** The roots worth merging: those that members who may write announce, and that somebody connected holds whole. */
import type { ChunkId } from '../chunking/index.js';
import type { DeviceId } from '../trust/index.js';
import type { Mesh } from './mesh.js';
import type { PullTarget } from './pull-loop.js';

/** @param own - a root that needs no merging */
export function pullTargets(mesh: Mesh, self: DeviceId, own: ChunkId): PullTarget[] {
  const roots = new Map<ChunkId, { root: ChunkId; sources: DeviceId[]; isWritten: boolean }>();
  for (const { head } of mesh.heads()) {
    if (head.device === self || head.root === own) continue;
    const target = roots.get(head.root) ?? { root: head.root, sources: [], isWritten: false };
    if (mesh.session(head.device) !== undefined) target.sources.push(head.device);
    if (mesh.role(head.device) === 'rw') target.isWritten = true;
    roots.set(head.root, target);
  }
  return [...roots.values()].filter(({ sources, isWritten }) => isWritten && sources.length > 0);
}
