/** Keys of a log that was rotated: the history leads to the one that signs, and no retired private key lies about. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isTallyError } from '../../../core/error.ts';
import type { LogInfo } from '../../../core/loginfo.ts';
import { signerFromSkey } from '../../../core/tlog/key.ts';
import { contradictedKeys } from '../../../core/tlog/key-history.ts';
import type { Paths } from '../../../paths.ts';
import type { OpenedReader } from '../../../reader.ts';
import { keyFileName, nextKeyFileName } from '../../../store/file/key-files.ts';
import { counted } from '../../facts.ts';
import { walkLog } from '../../key-walk.ts';
import { lostRotations } from '../../remembered.ts';
import { signedSize } from '../../signed-size.ts';
import { type Check, fail, ok, quoted, warn } from './check.ts';
import { why } from './keys.ts';

export async function checkKeyHistory(opened: OpenedReader, info: LogInfo): Promise<Check> {
  const name = 'key history';
  const mend = 'tally verify tells what else does not hold; restore the log and heads/ from a backup';
  try {
    const { spans, problem } = await walkLog(opened, { current: true }, info.origin);
    const walked = spans.map(({ verifier, from }) => ({ vkey: verifier.vkey, from }));
    const wrong = problem ?? contradictedKeys(info.keys, walked);
    if (wrong !== undefined) return fail(name, wrong, mend);
    const lost = await lostRotations(opened, await signedSize(opened.reader));
    if (lost.length > 0) {
      const gone = lost.map((file) => `heads/${opened.name}/${file}`).join(', ');
      return fail(
        name,
        `${gone}: gone, so this machine no longer remembers that rotation, and a start is refused`,
        'tally verify tells whether the notes beside the log may be copied back',
      );
    }
    return ok(
      name,
      spans.length === 0
        ? 'one key, never rotated'
        : `${counted(spans.length - 1, 'rotation')}, each bound by its entry and signed by both keys`,
    );
  } catch (error) {
    if (isTallyError(error)) return fail(name, error.message, mend);
    throw error;
  }
}

/** A private key is some hundred bytes; what is larger is none. */
const LARGEST = 4_096;

/**
 * Whoever finds a retired private key can sign another past up to its rotation, for readers who have no note. `info` is
 * no evidence here and need not be: it only tells which files to name.
 */
export function checkRetiredKeys(paths: Paths, log: string, info: LogInfo): Check {
  const name = 'retired keys';
  const current = info.keys.at(-1)?.vkey;
  const found = privateKeys(paths.keys).filter(({ vkey }) => info.keys.some((key) => key.vkey === vkey));
  const old = found.filter(({ vkey }) => vkey !== current).map(({ file }) => file);
  const [first] = old;
  const next = found.some(({ file, vkey }) => file === nextKeyFileName(log) && vkey === current);
  if (first === keyFileName(log) && next) {
    return fail(name, 'a rotation did not come to its end: the old private key is still there', 'tally init');
  }
  if (first !== undefined) {
    return fail(
      name,
      `${old.join(', ')}: a private key that signs no more was not erased`,
      `shred -u ${quoted(join(paths.keys, first))}`,
    );
  }
  const copies = found.filter(({ file }) => file !== keyFileName(log)).map(({ file }) => file);
  if (copies.length > 0) {
    return warn(
      name,
      `${copies.join(', ')}: a copy of the key that signs, which a rotation would leave behind`,
      `keep backups elsewhere: shred -u ${quoted(join(paths.keys, copies[0] ?? ''))}`,
    );
  }
  return ok(name, 'none is left in the keys directory');
}

function privateKeys(directory: string): readonly { readonly file: string; readonly vkey: string }[] {
  return readdirSync(directory)
    .sort()
    .flatMap((file) => {
      const path = join(directory, file);
      const found = lstatSync(path);
      if (!found.isFile() || found.size > LARGEST) return [];
      try {
        return [{ file, vkey: signerFromSkey(readFileSync(path, 'utf8').trim()).vkey }];
      } catch (error) {
        // Other secrets lie there too; a file that cannot be read is told by the check of the files.
        if (isTallyError(error) || why(error).startsWith('EACCES')) return [];
        throw error;
      }
    });
}
