/** One UDP port: dialling, sessions (TLS 1.3 over UDX) and sealed datagrams. */
export { formatAddress, parseAddress, type SocketAddress } from './address.js';
export { Endpoint, type EndpointCounters, type EndpointOptions } from './endpoint.js';
export { datagramPlainBytesMax } from './sealed-datagram.js';
export type { Session, SessionHandlers } from './session.js';
