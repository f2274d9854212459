/**
 * Addresses in text, HOST:PORT: a host name, an IPv4 address, or an IPv6 address in brackets. Never resolved here.
 */
const form = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?):([1-9][0-9]{0,4})$/i;
const portMax = 65_535;

export interface Address {
  /** With the brackets, if it has some. */
  readonly host: string;
  readonly port: number;
}

/** @returns undefined if `text` is no address */
export function parseAddress(text: string): Address | undefined {
  const match = form.exec(text);
  const host = match?.[1];
  const port = Number(match?.[3]);
  return host === undefined || port > portMax ? undefined : { host: host.toLowerCase(), port };
}

export function formatAddress({ host, port }: Address): string {
  return `${host}:${port}`;
}

/** Whether `host` means "this machine": of no use to a device elsewhere. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^(\[::ffff:)?127\./.test(host);
}
