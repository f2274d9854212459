/**
 * `.shoal/config.json`: the settings of one share on this device, for people to read and edit. Validated in full;
 * an unknown or wrong setting is an error that names it.
 */
import { readFile } from 'node:fs/promises';
import { ShoalError } from '../error.js';
import { parseAddress as parseSocketAddress } from '../network/index.js';
import { deviceNameLengthMax, parseShareId, type ShareId } from '../trust/index.js';
import type { Layout } from './layout.js';
import { parseRate } from './rate.js';
import { writeDurably } from './secrets.js';

export interface Config {
  readonly share: ShareId;
  /** What this device calls itself. */
  readonly name: string;
  /** UDP port, 1 to 65535. */
  readonly port: number;
  /** HOST:PORT of peers to dial, besides those that are learnt. */
  readonly peers: readonly string[];
  /** The most that chunks may take, to and from all peers together, as `parseRate` reads it; none if not given. */
  readonly limitUp?: string;
  readonly limitDown?: string;
}

export const defaultPort = 22001;
/** How many ports after the wanted one are tried when it is taken. */
export const portTries = 100;
export const peersMax = 64;

/** @throws ShoalError NOT_A_SHARE or USAGE (names the setting) */
export async function readConfig(layout: Layout): Promise<Config> {
  let text: string;
  try {
    text = await readFile(layout.config, 'utf8');
  } catch (cause) {
    throw new ShoalError('NOT_A_SHARE', `${layout.config} cannot be read: is ${layout.root} still a share?`, {
      cause,
    });
  }
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw wrong(layout, 'it is not JSON', cause);
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw wrong(layout, 'it must be an object');
  return validate(layout, fields as Record<string, unknown>);
}

export async function writeConfig(layout: Layout, config: Config): Promise<void> {
  await writeDurably(layout.config, `${JSON.stringify(config, null, 2)}\n`);
}

/** @returns `text` @throws ShoalError USAGE unless it is HOST:PORT or [V6]:PORT */
export function parseAddress(text: string): string {
  try {
    parseSocketAddress(text);
    return text;
  } catch (cause) {
    throw new ShoalError(
      'USAGE',
      `"${text}" is not an address: write HOST:PORT, for example 192.168.1.20:${defaultPort}.`,
      { cause },
    );
  }
}

function validate(layout: Layout, fields: Record<string, unknown>): Config {
  const known = new Set(['share', 'name', 'port', 'peers', 'limitUp', 'limitDown']);
  for (const key of Object.keys(fields))
    if (!known.has(key)) throw wrong(layout, `it has the unknown setting "${key}"`);
  const { share, name, port, peers, limitUp, limitDown } = fields;
  if (typeof share !== 'string') throw wrong(layout, '"share" must be a share id');
  if (typeof name !== 'string' || name === '' || name.length > deviceNameLengthMax) {
    throw wrong(layout, `"name" must be a text of 1 to ${deviceNameLengthMax} characters`);
  }
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) {
    throw wrong(layout, '"port" must be a whole number from 1 to 65535');
  }
  if (!Array.isArray(peers) || peers.length > peersMax || !peers.every((peer) => typeof peer === 'string')) {
    throw wrong(layout, `"peers" must be a list of at most ${peersMax} addresses`);
  }
  try {
    return {
      share: parseShareId(share),
      name,
      port,
      peers: peers.map((peer: string) => parseAddress(peer)),
      ...(limitUp === undefined ? {} : { limitUp: checkRate(limitUp, '"limitUp"') }),
      ...(limitDown === undefined ? {} : { limitDown: checkRate(limitDown, '"limitDown"') }),
    };
  } catch (cause) {
    throw wrong(layout, cause instanceof Error ? cause.message : 'a value is wrong', cause);
  }
}

/** @returns the text, so that the settings are written again as a person wrote them */
function checkRate(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new ShoalError('USAGE', `${name} must be a text such as "5MB/s"`);
  parseRate(value, { name });
  return value;
}

function wrong(layout: Layout, why: string, cause?: unknown): ShoalError {
  return new ShoalError(
    'USAGE',
    `The settings in ${layout.config} are wrong: ${why.replace(/\.$/, '')}. Correct the file and try again.`,
    {
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
