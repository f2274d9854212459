/** Addresses as people write them: `HOST:PORT`, where HOST is a name, an IPv4 address or `[an IPv6 address]`. */
import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { ShoalError } from '../error.js';

export interface SocketAddress {
  /** An IP address, or a name that is still to be resolved. IPv6 without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** The longest name that DNS allows. */
const hostLengthMax = 253;

/** @throws ShoalError USAGE */
export function parseAddress(text: string): SocketAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  const bracketed = match?.[1] !== undefined;
  const valid = host !== undefined && host.length <= hostLengthMax && isIPv6(host) === bracketed;
  if (!valid || !(port >= 1 && port <= 65535)) {
    throw new ShoalError('USAGE', `${JSON.stringify(text)} is no address: write HOST:PORT or [IPV6]:PORT.`);
  }
  return { host, port };
}

export function formatAddress(address: SocketAddress): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/**
 * The same address with the host as an IP address that a socket of `family` can reach.
 * @throws ShoalError UNREACHABLE
 */
export async function resolveAddress(address: SocketAddress, family: 4 | 6): Promise<SocketAddress> {
  if (isIP(address.host) !== 0) {
    if (family === 4 && isIPv6(address.host)) {
      throw unresolved(address, 'this device listens on IPv4 only');
    }
    return address;
  }
  try {
    const found = await lookup(address.host, { family: family === 4 ? 4 : 0 });
    return { host: found.address, port: address.port };
  } catch (cause) {
    throw unresolved(address, 'its name cannot be resolved', cause);
  }
}

function unresolved(address: SocketAddress, why: string, cause?: unknown): ShoalError {
  const text = formatAddress(address);
  return new ShoalError('UNREACHABLE', `${text} cannot be reached: ${why}.`, {
    data: { address: text },
    ...(cause === undefined ? {} : { cause }),
  });
}
