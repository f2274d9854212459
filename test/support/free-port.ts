/** UDP ports of this machine that are free, so that tests that run side by side do not meet. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const given = new Set<number>();

/** A port that no socket holds now and that this process has not given out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const socket = createSocket('udp4');
    socket.bind(0, '0.0.0.0');
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    await once(socket, 'close');
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}
