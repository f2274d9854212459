/** Asks the process that runs a share, over its control socket. */
import { lstat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { ShoalError, type ShoalErrorCode, systemCode } from '../error.js';

export interface ControlQuestion {
  readonly command: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly onProgress?: (progress: unknown) => void;
  readonly signal?: AbortSignal;
}

/** A process that runs a share accepts a connection at once; one that hangs does not hold up others for longer. */
const connectTimeoutMs = 5000;

/**
 * @returns the answer, or undefined if nobody listens at `path`
 * @throws ShoalError what the other process answered; SHARE_BUSY if it does not answer; REFUSED if the socket is not ours
 */
export async function askRunning(path: string, question: ControlQuestion): Promise<unknown | undefined> {
  const socket = await connectTo(path);
  if (socket === undefined) return undefined;
  const abort = (): void => {
    socket.destroy();
  };
  question.signal?.addEventListener('abort', abort, { once: true });
  try {
    socket.write(`${JSON.stringify({ command: question.command, arguments: question.arguments ?? {} })}\n`);
    for await (const line of createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY })) {
      const message = JSON.parse(line) as {
        progress?: unknown;
        result?: unknown;
        error?: { code: ShoalErrorCode; message: string };
      };
      if (message.error !== undefined) throw new ShoalError(message.error.code, message.error.message);
      if ('result' in message) return message.result;
      question.onProgress?.(message.progress);
    }
  } catch (error) {
    if (error instanceof ShoalError) throw error;
    if (question.signal?.aborted !== true) throw noAnswer(error);
  } finally {
    question.signal?.removeEventListener('abort', abort);
    socket.destroy();
  }
  if (question.signal?.aborted === true) throw new ShoalError('CANCELLED', 'Interrupted; all state is kept.');
  throw noAnswer();
}

async function connectTo(path: string): Promise<Socket | undefined> {
  try {
    const stat = await lstat(path);
    if (!stat.isSocket() || stat.uid !== (process.getuid?.() ?? stat.uid)) {
      throw new ShoalError(
        'REFUSED',
        `${path} is not a control socket of this user: remove it and try again.`,
      );
    }
    return await new Promise<Socket>((resolve, reject) => {
      const socket = connect(path);
      socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error('timed out')));
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.setTimeout(0);
        socket.on('error', () => socket.destroy());
        resolve(socket);
      });
    });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined;
    if (error instanceof ShoalError) throw error;
    throw noAnswer(error);
  }
}

function noAnswer(cause?: unknown): ShoalError {
  const message =
    'Another process holds the share and does not answer: look for a hanging `shoal`, end it, and try again.';
  return new ShoalError('SHARE_BUSY', message, cause === undefined ? {} : { cause });
}
