/** Puts the command `agentsecrets` into a directory, and takes it away again. Never touches a file of somebody else. */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { TallyError } from '../../../core/error.ts';
import { quoted } from '../../command-line.ts';
import type { Context } from '../../context.ts';
import { safe, toJson } from '../../output/safe.ts';
import { MARK, shimText } from './shim-text.ts';

const NAME = 'agentsecrets';

export interface InstallOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

type Found = 'none' | 'ours' | 'foreign';

export async function installShim(
  context: Context,
  directory: string,
  options: InstallOptions,
): Promise<void> {
  const path = join(resolve(directory), NAME);
  const found = await look(path);
  if (found === 'foreign' && options.force !== true)
    throw new TallyError('USAGE', `${path} is there already, and tally did not write it`, {
      hint: `another directory, or replace it: tally install agentsecrets-shim ${quoted(directory)} --force`,
    });
  try {
    await mkdir(resolve(directory), { recursive: true });
    await replace(path, shimText(process.execPath, resolve(process.argv[1] ?? 'tally')));
  } catch (error) {
    throw unwritable(path, error);
  }
  const first = await firstOnPath(context);
  if (options.json === true)
    return context.stdout.line(toJson({ path, replaced: found !== 'none', found: first }));
  await context.stdout.line(`${found === 'none' ? 'wrote' : 'replaced'} ${safe(path)}`);
  if (first === path) return;
  context.warn(
    first === undefined
      ? `${path} is not found through PATH: export PATH=${quoted(resolve(directory))}:"$PATH"`
      : `PATH finds ${first} before it: export PATH=${quoted(resolve(directory))}:"$PATH"`,
  );
}

export async function uninstallShim(
  context: Context,
  directory: string,
  options: Pick<InstallOptions, 'json'>,
): Promise<void> {
  const path = join(resolve(directory), NAME);
  const found = await look(path);
  if (found === 'foreign')
    throw new TallyError('USAGE', `${path} is not one that tally wrote, so it stays`, {
      hint: `head ${quoted(path)}`,
    });
  if (found === 'none')
    throw new TallyError('NOT_FOUND', `there is no ${path}`, { hint: `command -v ${NAME}` });
  try {
    await rm(path);
  } catch (error) {
    throw unwritable(path, error);
  }
  await context.stdout.line(
    options.json === true ? toJson({ path, removed: true }) : `removed ${safe(path)}`,
  );
}

/** A link is somebody's, wherever it leads. */
async function look(path: string): Promise<Found> {
  try {
    if (!(await lstat(path)).isFile()) return 'foreign';
    return (await readFile(path, 'utf8')).split('\n', 2)[1] === MARK ? 'ours' : 'foreign';
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'none';
    throw unwritable(path, error);
  }
}

/** Whoever runs it meanwhile has the old one or the new one, whole. */
async function replace(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(beside, text, { mode: 0o755, flag: 'wx' });
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

async function firstOnPath({ env }: Context): Promise<string | undefined> {
  for (const directory of (env.PATH ?? '').split(delimiter).filter((part) => part !== '')) {
    const path = join(resolve(directory), NAME);
    const found = await lstat(path).catch(() => undefined);
    if (found !== undefined) return path;
  }
  return undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function unwritable(path: string, cause: unknown): TallyError {
  return new TallyError('USAGE', `cannot write ${path} (${codeOf(cause)})`, {
    hint: 'name a directory of yours, such as ~/.local/bin',
    cause,
  });
}
