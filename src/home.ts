/** The state directory of one machine: which log is current, and its keys. Edges only. */
import { existsSync, readdirSync } from 'node:fs';
import { chmod, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { TallyError } from './core/error.ts';
import type { LogReader, ObjectStore, Random } from './core/ports.ts';
import { makeKeyPair, type Signer, signerFromSkey } from './core/tlog/key.ts';
import type { Paths } from './paths.ts';
import { TENANT } from './paths.ts';
import {
  DIRECTORY_MODE,
  errno,
  makeDirectory,
  readError,
  readPlain,
  replaceFile,
  storeError,
  syncDirectory,
} from './store/file/fs.ts';
import { type FileKeys, keyFileName, openKeyFiles, signerIn } from './store/file/key-files.ts';

const MASTER_KEY_BYTES = 32;
const MASTER_KEY_FILE = `${TENANT}.master`;
/** In the entry that says so; doctor looks for it. */
export const MASTER_KEY_ANEW = 'master key made anew';

/** "local", then "local@2", "local@3" … for every log that went on after a restore. */
export function logName(epoch: number): string {
  return epoch === 1 ? TENANT : `${TENANT}@${epoch}`;
}

/**
 * The newest epoch that a log or a remembered head tells of: deleting a log's directory does not bring back the one
 * before it, and an empty one, which anybody may make, hides none.
 */
export function currentEpoch(paths: Paths): number {
  const epochs = [paths.logs, paths.heads].flatMap((parent) =>
    listed(parent)
      .filter((name) => name !== TENANT && listed(join(parent, name), 'ENOTDIR').length > 0)
      .map((name) => Number(new RegExp(`^${TENANT}@(\\d+)$`).exec(name)?.[1] ?? 0)),
  );
  return Math.max(1, ...epochs);
}

/** Names in a directory; none where there is no directory, or another `nothing` is told. */
function listed(directory: string, nothing = 'ENOENT'): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === nothing) return [];
    if (errno(error) !== 'ENOTDIR') throw readError(error, `cannot list ${directory}`);
    throw new TallyError('LOG_UNREADABLE', `${directory} is no directory`, {
      hint: 'this program did not put that there: move it away, and put the directory back from a backup if there was one',
    });
  }
}

/** Whether this machine began the log of that epoch. The first one begins by itself; others by `tally log continue`. */
export async function isBegun(heads: Pick<ObjectStore, 'get'>, epoch: number): Promise<boolean> {
  return epoch === 1 || isRemembered(heads, logName(epoch));
}

async function isRemembered(heads: Pick<ObjectStore, 'get'>, name: string): Promise<boolean> {
  return (
    (await heads.get(`${name}/vkey`)) !== undefined || (await heads.get(`${name}/checkpoint`)) !== undefined
  );
}

/** Of a directory that would take the place of the log before it. */
export function notBegun(paths: Paths, epoch: number): TallyError {
  const directory = join(paths.logs, logName(epoch));
  return new TallyError('LOG_DAMAGED', `${directory} is there, but this machine never began a log in it`, {
    hint: `only \`tally log continue\` begins one there. Find out who made it, then move it away: the log goes on in ${logName(epoch - 1)}. If \`log continue\` was cut short, run it again`,
  });
}

export async function makeHome(paths: Paths): Promise<void> {
  for (const directory of [paths.state, paths.logs, paths.heads, paths.keys, paths.registry, paths.runtime]) {
    try {
      await makeDirectory(directory);
    } catch (error) {
      throw new TallyError(
        'LOG_READ_ONLY',
        `cannot make ${directory}: ${error instanceof Error ? error.message : String(error)}`,
        {
          hint: 'make its parent writable for this user, or set TALLY_HOME to a directory that is',
          cause: error,
        },
      );
    }
  }
  // Others must not even list what is here; a directory made by hand may be wider.
  for (const directory of [paths.keys, paths.runtime]) await makePrivate(directory);
}

/** Asks for a change only where one is needed: a state directory that cannot be written has its own answer later. */
async function makePrivate(directory: string): Promise<void> {
  try {
    const { mode } = await stat(directory);
    if ((mode & 0o7777) !== DIRECTORY_MODE) await chmod(directory, DIRECTORY_MODE);
  } catch (error) {
    throw new TallyError(
      'LOG_READ_ONLY',
      `cannot keep others out of ${directory}: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'make the state directory writable for this user (is its disk mounted read-only?), or set TALLY_HOME to one that is',
        cause: error,
      },
    );
  }
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return Buffer.from(await readPlain(path, basename(path))).toString('utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw new TallyError(
      'BAD_CONFIG',
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'the file belongs to the user who runs tally, mode 0600',
        cause: error,
      },
    );
  }
}

async function writeSecretFile(directory: string, name: string, text: string): Promise<void> {
  try {
    await replaceFile(join(directory, name), Buffer.from(text), true);
    await syncDirectory(directory);
  } catch (error) {
    throw storeError(error, `cannot write ${join(directory, name)}`);
  }
}

/**
 * For the log `name` without its log.json. Throws `LOG_ROLLED_BACK` when a head, a key or entries tell that it was there:
 * whoever says "there is none yet" then, or makes a new one under its name, hides that it was removed.
 */
export async function refuseWiped(
  store: Pick<LogReader, 'segments'>,
  heads: Pick<ObjectStore, 'get'>,
  name: string,
): Promise<void> {
  const entries = await store.segments();
  if (!(await isRemembered(heads, name)) && entries.every(({ bytes }) => bytes === 0)) return;
  throw new TallyError('LOG_ROLLED_BACK', `log.json of ${name} is gone, but the log is remembered`, {
    hint: 'restore the log directory, or move it along when `audit.path` was changed; after an honest loss, `tally log continue --reason …` starts a new log that cites the old head',
  });
}

/** The key that signs the log `name`. Made with a new log; a log without its key cannot go on under its name. */
export async function signingKey(
  paths: Paths,
  name: string,
  origin: string,
  random: Random | undefined,
): Promise<Signer> {
  const file = keyFileName(name);
  const stored = await readIfThere(join(paths.keys, file));
  if (stored !== undefined) return signerIn(join(paths.keys, file), stored);
  if (random === undefined) throw keyMissing(paths, name);
  const { skey } = makeKeyPair(origin, random(MASTER_KEY_BYTES));
  await writeSecretFile(paths.keys, file, `${skey}\n`);
  return signerFromSkey(skey);
}

function keyMissing(paths: Paths, name: string): TallyError {
  const file = join(paths.keys, keyFileName(name));
  return new TallyError('BAD_CONFIG', `the signing key of this log is missing: ${file}`, {
    hint: 'restore the key file from a backup; without it, `tally log continue --reason …` starts a new log that cites this one',
  });
}

/** The private keys of a log that is there: its own, and what a rotation prepared. */
export async function signingKeys(
  paths: Paths,
  name: string,
  random: Random,
): Promise<{ readonly signer: Signer; readonly files: FileKeys }> {
  const files = await openKeyFiles(paths.keys, name, random);
  if (files.signer === undefined) throw keyMissing(paths, name);
  return { signer: files.signer, files };
}

/**
 * The tenant's master key: argument hashes and wrapped data keys derive from it. Made once; `made` tells that it was not
 * there, which beside a log with entries means that it was lost.
 */
export async function masterKey(
  paths: Paths,
  random: Random,
): Promise<{ readonly key: Uint8Array; readonly made: boolean }> {
  const stored = await storedMasterKey(paths);
  if (stored !== undefined) return { key: stored, made: false };
  const key = random(MASTER_KEY_BYTES);
  await writeSecretFile(paths.keys, MASTER_KEY_FILE, `${Buffer.from(key).toString('hex')}\n`);
  return { key, made: true };
}

/** For reading: makes none. */
export async function storedMasterKey(paths: Paths): Promise<Uint8Array | undefined> {
  const path = join(paths.keys, MASTER_KEY_FILE);
  const stored = (await readIfThere(path))?.trim();
  if (stored === undefined) return undefined;
  if (!/^[0-9a-f]{64}$/.test(stored)) {
    throw new TallyError('KEY_MALFORMED', `the master key is not 64 hex digits: ${path}`, {
      hint: 'restore the key file from a backup: without it, arguments of old and new entries cannot be compared',
    });
  }
  return Buffer.from(stored, 'hex');
}

/** Wrapped keys of payloads, one file each. Outside logs/: a copy of the log gives nobody its payloads. */
export function dataKeysDirectory(paths: Paths): string {
  return join(paths.keys, 'data');
}

export function operatorPath({ keys }: Pick<Paths, 'keys'>): string {
  return join(keys, 'operator.json');
}

/** Logs in a directory, or in the `logs` of a state directory; none when it cannot be read. */
export function logsNear(directory: string): readonly string[] {
  return [join(directory, 'logs'), directory].flatMap((above) => {
    try {
      const names = readdirSync(above).sort();
      return names.map((name) => join(above, name)).filter((inside) => existsSync(join(inside, 'log.json')));
    } catch {
      // Not there, or not for this user: there is nothing to tell of it.
      return [];
    }
  });
}
