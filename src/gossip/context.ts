/**
 * What the parts of gossip share: who is a member, which sessions are open, and where the effects of a step go.
 */
import type { DeviceId, SignedHead } from '../trust/index.js';
import type { GossipEffect, GossipOptions, ReportKind } from './event.js';
import type { Link } from './link.js';
import { MemberTable } from './member-table.js';

export class GossipContext {
  readonly options: GossipOptions;
  readonly members = new MemberTable();
  /** The open sessions; none with a device that was revoked. */
  readonly links = new Map<DeviceId, Link>();
  #effects: GossipEffect[] = [];

  constructor(options: GossipOptions) {
    this.options = options;
    for (const record of options.members) this.members.accept(record);
  }

  get self(): DeviceId {
    return this.options.self;
  }

  /** Sessions with members: only these are told things. */
  memberLinks(): Link[] {
    return [...this.links.values()].filter(({ device }) => this.members.mayRead(device));
  }

  emit(...effects: readonly GossipEffect[]): void {
    this.#effects.push(...effects);
  }

  report(kind: ReportKind, text: string, about: { device?: DeviceId; head?: SignedHead }): void {
    this.emit({ type: 'report', kind, text, ...about });
  }

  /** Ends a step. @returns its effects, in order */
  takeEffects(): GossipEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** At most `count` of `items`, by chance. */
  choose<Item>(items: readonly Item[], count: number): Item[] {
    const left = [...items];
    const chosen: Item[] = [];
    while (chosen.length < count && left.length > 0)
      chosen.push(...left.splice(Math.floor(this.options.random() * left.length), 1));
    return chosen;
  }
}
