/**
 * Which hooks were installed on this machine, with the token of each: `claude-code-hooks.json` (0600) beside the
 * configuration. A post is taken for the hook whose token it brings; what the hook does when nobody answers it is looked
 * up in the settings file it was written to, not taken from the post.
 */
import { timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { isBlocking } from '../../capture/hook/settings.ts';
import { TallyError } from '../../core/error.ts';
import { sha256 } from '../../core/hash.ts';
import type { Paths } from '../../paths.ts';
import { errno, makeDirectory, replaceFile, syncDirectory } from '../../store/file/fs.ts';

const InstallSchema = z.strictObject({
  /** The settings file with the hooks. */
  file: z.string().min(1),
  token: z.string().regex(/^hok_[A-Za-z0-9_-]{43}$/),
  closed: z.boolean(),
  /** When it was installed first. */
  since: z.iso.datetime(),
});
export type Install = z.infer<typeof InstallSchema>;
const FileSchema = z.strictObject({ version: z.literal(1), installs: z.array(InstallSchema).max(1_000) });

export function installsFile({ configFile }: Pick<Paths, 'configFile'>): string {
  return join(dirname(configFile), 'claude-code-hooks.json');
}

/** Throws BAD_CONFIG for a file that cannot be read: a hook whose token is not known is refused. */
export function readInstalls(paths: Pick<Paths, 'configFile'>): readonly Install[] {
  const path = installsFile(paths);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return [];
    throw bad(path, error);
  }
  try {
    return FileSchema.parse(JSON.parse(text)).installs;
  } catch (error) {
    throw bad(path, error);
  }
}

/** Durable, and 0600, when it resolves. */
export async function writeInstalls(
  paths: Pick<Paths, 'configFile'>,
  installs: readonly Install[],
): Promise<void> {
  const path = installsFile(paths);
  await makeDirectory(dirname(path));
  await replaceFile(path, Buffer.from(`${JSON.stringify({ version: 1, installs }, null, 2)}\n`), true);
  await syncDirectory(dirname(path));
}

function bad(path: string, cause: unknown): TallyError {
  return new TallyError('BAD_CONFIG', `${path} cannot be read as the list of installed hooks`, {
    hint: `look at it, or move it away and run tally install claude-code again`,
    cause,
  });
}

export interface KnownHook {
  readonly file: string;
  readonly blocks: boolean;
  readonly since: number;
}

/** Looks anew whenever the file has changed. Throws BAD_CONFIG. */
export function hookFinder(paths: Pick<Paths, 'configFile'>): {
  readonly find: (token: string) => KnownHook | undefined;
  readonly list: () => readonly Install[];
} {
  const list = whenChanged(installsFile(paths), () => readInstalls(paths));
  const blocking = new Map<string, () => boolean>();

  function blocks({ file, token, closed }: Install): boolean {
    if (!closed) return false;
    const look = blocking.get(file) ?? whenChanged(file, () => isBlocking(readSettings(file), token), false);
    blocking.set(file, look);
    return look();
  }

  return {
    list: () => list(),
    find(token) {
      const given = sha256(Buffer.from(token));
      const found = list().filter((one) => timingSafeEqual(sha256(Buffer.from(one.token)), given));
      const [install] = found;
      if (install === undefined) return undefined;
      return { file: install.file, blocks: blocks(install), since: Date.parse(install.since) };
    },
  };
}

/** Undefined where it is not there, or is no JSON: nothing follows from it then. */
function readSettings(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Whoever reads it as the agent does is told by the agent; here it only means that nothing blocks.
    return undefined;
  }
}

/** `absent`: for a file that is not there; without it `read` says what that is. */
function whenChanged<T>(path: string, read: () => T, absent?: T): () => T {
  let mark: string | undefined;
  let value: T | undefined;
  return () => {
    let now = 'none';
    try {
      const { mtimeMs, size, ino } = statSync(path);
      now = `${mtimeMs} ${size} ${ino}`;
    } catch (error) {
      if (errno(error) !== 'ENOENT') throw error;
      if (absent !== undefined) return absent;
    }
    if (now !== mark || value === undefined) {
      value = read();
      mark = now;
    }
    return value;
  };
}
