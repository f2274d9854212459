/** The addresses under which other machines may reach this one: for tickets. */
import { networkInterfaces } from 'node:os';
import { ticketAddressesMax } from '../trust/index.js';

/** IPv4 addresses of this machine with `port`, loopback only if there is no other. */
export function ownAddresses(port: number): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = all
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
  const hosts = outside.length > 0 ? outside : ['127.0.0.1'];
  return hosts.slice(0, ticketAddressesMax).map((host) => `${host}:${port}`);
}
