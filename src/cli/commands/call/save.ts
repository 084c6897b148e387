/** The body into a file: whole, or not at all. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { TallyError } from '../../../core/error.ts';
import { quoted } from '../../command-line.ts';

/**
 * Resolves to the number of bytes. What was in the file stays until the last byte is here, and for good when the answer
 * breaks off. A device or a pipe is written to as it comes.
 */
export async function saveBody(path: string, chunks: AsyncIterable<Buffer>): Promise<number> {
  const target = await targetOf(path);
  const beside = target.whole ? `${target.path}.${randomBytes(6).toString('hex')}.part` : target.path;
  let file: FileHandle;
  try {
    file = await open(beside, target.whole ? 'wx' : 'w');
  } catch (cause) {
    throw unwritable(path, cause);
  }
  let bytes = 0;
  try {
    try {
      for await (const chunk of chunks) {
        await file.writeFile(chunk).catch((cause: unknown) => {
          throw unwritable(path, cause);
        });
        bytes += chunk.length;
      }
    } finally {
      await file.close();
    }
    if (target.whole) await rename(beside, target.path);
    return bytes;
  } catch (error) {
    if (target.whole) await rm(beside, { force: true });
    throw error;
  }
}

/** A link stays a link: what it leads to is replaced. */
async function targetOf(path: string): Promise<{ readonly path: string; readonly whole: boolean }> {
  try {
    const real = await realpath(path);
    return { path: real, whole: (await stat(real)).isFile() };
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return { path, whole: true };
    throw unwritable(path, cause);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function unwritable(path: string, cause: unknown): TallyError {
  return new TallyError('CALL_FAILED', `the body cannot be written to ${path} (${codeOf(cause)})`, {
    hint: `the call itself was made: tally log list -n 2; ls -ld ${quoted(path)}`,
    cause,
  });
}
