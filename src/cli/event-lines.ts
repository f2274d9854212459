/** The events of a running share: one short line for people, one JSON object a line for scripts. */
import type { ShareEvent } from '../share/index.js';
import { describeHeld } from './blocked-lines.js';
import { countOf, formatBytes, formatSeconds, shortId } from './format.js';
import type { Output } from './output.js';
import { printable } from './printable.js';
import { RestProgress } from './progress.js';

export class EventLines {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #rest: RestProgress;

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
    this.#rest = new RestProgress(output, now);
  }

  write(event: ShareEvent): void {
    const at = new Date(this.#now());
    if (this.#output.json) {
      const { event: name, ...rest } = event;
      this.#output.document({ event: name, time: at.toISOString(), ...rest });
      return;
    }
    if (event.event === 'pending') this.#rest.update(event);
    else this.#output.say(`${clock(at)}  ${describeEvent(event)}`);
  }
}

/** @returns one line without the time */
export function describeEvent(event: Exclude<ShareEvent, { event: 'pending' }>): string {
  switch (event.event) {
    case 'ready':
      return `ready on ${event.address.host}:${event.address.port}`;
    case 'peer':
      return `${printable(event.name)} (${shortId(event.device)}) ${event.state}${event.detail === '' ? '' : `: ${printable(event.detail)}`}`;
    case 'scan':
      return `scanned in ${formatSeconds(event.seconds)}: ${event.changed} changed, ${event.deleted} deleted`;
    case 'applied':
      return `received ${countOf(event.files, 'file')}, ${event.deleted} deleted${namesOf(event.paths)}`;
    case 'sent':
      return `sent ${formatBytes(event.bytes)} to ${printable(event.name)}`;
    case 'insync':
      return `in sync at ${shortId(event.root)}`;
    case 'conflict':
      return `conflict: ${printable(event.path)}`;
    case 'blocked':
      return `blocked: ${printable(event.path)}: ${printable(event.reason)}`;
    case 'held':
      return describeHeld(event);
    case 'damage':
      return 'path' in event
        ? `damaged: ${printable(event.path)}: run \`shoal verify --repair\``
        : `damaged chunk ${shortId(event.id)}: it is brought back if a file here or a peer has it`;
    case 'healed':
      return `healed ${countOf(event.ids.length, 'chunk')} of the store`;
    case 'report':
      return printable(event.text);
    case 'error':
      return `error: ${printable(event.text)}`;
  }
}

/** Two names tell what is going on; more would make the line long. */
const namedMax = 2;

function namesOf(paths: readonly string[]): string {
  if (paths.length === 0) return '';
  const named = paths.slice(0, namedMax).map(printable).join(', ');
  return `: ${named}${paths.length > namedMax ? ', …' : ''}`;
}

function clock(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
