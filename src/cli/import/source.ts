/** Where the bytes of an import come from. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { TallyError } from '../../core/error.ts';
import { fileName } from '../../core/import/read.ts';
import type { Context } from '../context.ts';

export interface Source {
  /** Without its path. */
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** undefined when nobody knows it. */
  readonly total: number | undefined;
}

const CHUNK = 256 * 1024;

/** `signal` ends a source that waits for more, such as a pipe. */
export async function openSource(context: Context, path: string, signal: AbortSignal): Promise<Source> {
  if (path === '-') {
    if (context.stdin.isTTY === true)
      throw new TallyError('USAGE', 'standard input is a terminal, and nothing is piped in', {
        hint: 'give a file: tally import --from FORMAT FILE',
      });
    return { name: 'stdin', bytes: untilAborted(context.stdin, signal), total: undefined };
  }
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const gone = error.code === 'ENOENT' || error.code === 'ENOTDIR';
    throw new TallyError(
      gone ? 'NOT_FOUND' : 'USAGE',
      `cannot read ${path}: ${error.code ?? error.message}`,
      {
        hint: 'give a file that this user may read, or - for standard input',
        cause: error,
      },
    );
  });
  if (info.isDirectory())
    throw new TallyError('USAGE', `${path} is a directory`, {
      hint: 'give one file; for several, run the command for each of them',
    });
  const stream = createReadStream(path, { highWaterMark: CHUNK });
  return {
    name: fileName(path),
    bytes: untilAborted(stream, signal),
    total: info.isFile() ? info.size : undefined,
  };
}

async function* untilAborted(
  stream: NodeJS.ReadableStream & { destroy?(): unknown },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stop = (): void => void stream.destroy?.();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stream) {
      if (signal.aborted) return;
      yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    }
  } catch (error) {
    // The stream says that it was ended before its end: so it was, by us.
    if (!signal.aborted) throw unreadable(error);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function unreadable(error: unknown): TallyError {
  return new TallyError(
    'USAGE',
    `the file cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    { hint: 'what was read so far is recorded; run the command again when it can be read', cause: error },
  );
}
