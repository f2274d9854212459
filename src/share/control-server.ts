/**
 * The control socket of a running share: other commands of the same user ask it instead of opening the store.
 * One request a connection, one JSON document a line: `{"command", "arguments"}` in; `{"progress"}` lines and then
 * `{"result"}` or `{"error"}` out. The socket's mode is 0600, and it lies in a directory that only the owner can enter.
 */
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { ShoalError } from '../error.js';

export interface ControlRequest {
  readonly command: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** Answers one request. `report` sends a progress line; `signal` aborts when the other side is gone. */
export type ControlHandler = (
  request: ControlRequest,
  report: (progress: unknown) => void,
  signal: AbortSignal,
) => Promise<unknown>;

export const requestBytesMax = 64 * 1024;
const connectionsMax = 32;
const requestTimeoutMs = 5000;

export class ControlServer {
  readonly #server: Server;
  readonly #path: string;
  readonly #sockets = new Set<Socket>();
  readonly #answers = new Set<Promise<void>>();

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  /** Listens at `path`. The caller holds the store's lock, so a socket that is there was left by a dead process. */
  static async open(path: string, handler: ControlHandler): Promise<ControlServer> {
    await rm(path, { force: true });
    const server = createServer({ allowHalfOpen: true });
    server.maxConnections = connectionsMax;
    const control = new ControlServer(server, path);
    server.on('connection', (socket) => control.#take(socket, handler));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(path, resolve);
      });
    } catch (cause) {
      throw new ShoalError(
        'IO',
        `The control socket ${path} cannot be opened: check that its folder may be written.`,
        { cause },
      );
    }
    await chmod(path, 0o600);
    return control;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // Whoever still waits for an answer learns it from the closed connection, and what it asked for is aborted.
    for (const socket of this.#sockets) socket.destroy();
    await Promise.allSettled(this.#answers);
    await closed;
    await rm(this.#path, { force: true });
  }

  #take(socket: Socket, handler: ControlHandler): void {
    this.#sockets.add(socket);
    const gone = new AbortController();
    socket.on('close', () => {
      this.#sockets.delete(socket);
      gone.abort();
    });
    socket.on('error', () => socket.destroy());
    const answer = serve(socket, handler, gone.signal).finally(() => this.#answers.delete(answer));
    this.#answers.add(answer);
  }
}

async function serve(socket: Socket, handler: ControlHandler, signal: AbortSignal): Promise<void> {
  const write = (line: unknown): void => {
    if (socket.writable) socket.write(`${JSON.stringify(line)}\n`);
  };
  try {
    const request = parseRequest(await readLine(socket));
    write({ result: await handler(request, (progress) => write({ progress }), signal) });
  } catch (error) {
    const code = error instanceof ShoalError ? error.code : 'BUG';
    write({ error: { code, message: error instanceof Error ? error.message : String(error) } });
  }
  socket.end();
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new ShoalError('MALFORMED', `A request on the control socket was not valid: ${why}.`));
    };
    const timer = setTimeout(() => fail('it did not come in time'), requestTimeoutMs);
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
      const end = text.indexOf('\n');
      if (end >= 0) {
        clearTimeout(timer);
        resolve(text.slice(0, end));
      } else if (text.length > requestBytesMax) fail('it is too long');
    });
    socket.once('end', () => fail('it ended early'));
    socket.once('close', () => fail('the connection was closed'));
  });
}

function parseRequest(line: string): ControlRequest {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new ShoalError('MALFORMED', 'A request on the control socket was not JSON.', { cause });
  }
  if (
    typeof value === 'object' &&
    value !== null &&
    'command' in value &&
    typeof value.command === 'string'
  ) {
    const given = 'arguments' in value ? value.arguments : {};
    if (typeof given === 'object' && given !== null)
      return { command: value.command, arguments: given as Record<string, unknown> };
  }
  throw new ShoalError('MALFORMED', 'A request on the control socket has no command.');
}
