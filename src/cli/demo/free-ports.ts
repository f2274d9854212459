/** UDP ports that are free now, as the system says: all are held until the last is known, so they differ. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

export async function freeUdpPorts(count: number): Promise<number[]> {
  const sockets: Socket[] = [];
  try {
    for (let index = 0; index < count; index++) {
      const socket = createSocket('udp4');
      sockets.push(socket);
      const listening = once(socket, 'listening');
      socket.bind(0, '0.0.0.0');
      await listening;
    }
    return sockets.map((socket) => socket.address().port);
  } finally {
    for (const socket of sockets) socket.close();
  }
}
