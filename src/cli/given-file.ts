/** A file that somebody named on the command line, read without waiting for what may never come. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { TallyError } from '../core/error.ts';

/** What whoever started this program handed it open, as `cat it |` and `<(cat it)` do: its other end is there. */
const HANDED_OVER = /^\/(?:dev\/(?:stdin|fd\/\d+)|proc\/(?:self|thread-self|\d+)\/fd\/\d+)$/;

/**
 * At most `most` bytes of a plain file, or of standard input by its path. Throws `USAGE` for a pipe, a device or a directory
 * under a name, and what the system says of one that cannot be opened.
 */
export async function readGiven(path: string, most: number): Promise<Uint8Array> {
  const handedOver = HANDED_OVER.test(path);
  const handle = await open(
    path,
    handedOver ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NONBLOCK,
  );
  try {
    if (!handedOver && !(await handle.stat()).isFile())
      throw new TallyError('USAGE', `${path} is no plain file`, {
        hint: 'give a file; what a program writes into a pipe is read as /dev/stdin',
      });
    const bytes = new Uint8Array(most);
    let done = 0;
    for (let read = -1; read !== 0 && done < most; done += read)
      read = (await handle.read(bytes, done, most - done, null)).bytesRead;
    return bytes.slice(0, done);
  } finally {
    await handle.close();
  }
}
