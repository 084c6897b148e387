/** Puts the servers of MCP clients behind `tally mcp wrap`, in the clients' own configuration, and takes them out again. */
import { randomBytes } from 'node:crypto';
import { chmod, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { TallyError } from '../../../core/error.ts';
import { createRedactor } from '../../../core/redact/redact.ts';
import { errno } from '../../../store/file/fs.ts';
import { quoted } from '../../command-line.ts';
import type { Context } from '../../context.ts';
import { safe, toJson } from '../../output/safe.ts';
import { CLIENTS, configOf, isClient } from './mcp-clients.ts';
import { type Edited, type ServerChange, unwrapServers, wrapServers } from './mcp-edit.ts';

const BACKUP = '.before-tally';

export interface McpInstallOptions {
  readonly client?: string;
  readonly agent?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface Target {
  readonly client: string;
  readonly path: string;
}

interface Done {
  readonly target: Target;
  readonly edited: Edited;
  readonly changed: boolean;
  readonly backup?: string;
}

export async function installMcp(context: Context, options: McpInstallOptions): Promise<void> {
  const done: Done[] = [];
  for (const target of await targetsOf(context, options.client)) {
    const agent = options.agent ?? (isClient(target.client) ? target.client : undefined);
    const wrapper = {
      node: process.execPath,
      program: resolve(process.argv[1] ?? 'tally'),
      ...(agent === undefined ? {} : { agent }),
    };
    done.push(
      await edit(target, (text) => wrapServers(text, target.path, wrapper), options.dryRun === true, true),
    );
  }
  await report(context, done, options);
  if (context.env.TALLY_HOME !== undefined && done.some(({ changed }) => changed))
    context.warn(
      'TALLY_HOME is set here, and not where the clients start their servers: put it into "env" of each server, or they record into the log of this user',
    );
}

export async function uninstallMcp(context: Context, options: McpInstallOptions): Promise<void> {
  const done: Done[] = [];
  for (const target of await targetsOf(context, options.client))
    done.push(await edit(target, (text) => unwrapServers(text, target.path), options.dryRun === true, false));
  await report(context, done, options);
}

async function targetsOf(context: Context, wanted: string | undefined): Promise<readonly Target[]> {
  const where = { home: homedir(), platform: process.platform, env: context.env };
  if (wanted === undefined) {
    const all = CLIENTS.map((client) => ({ client, path: configOf(client, where) }));
    const there = await Promise.all(all.map(async (one) => ((await exists(one.path)) ? [one] : [])));
    if (there.flat().length > 0) return there.flat();
    throw new TallyError('NOT_FOUND', 'no configuration of an MCP client was found', {
      hint: `name one (${CLIENTS.join(', ')}) or a file: tally install mcp --client FILE`,
    });
  }
  const path = isClient(wanted) ? configOf(wanted, where) : resolve(wanted);
  if (await exists(path)) return [{ client: wanted, path }];
  throw new TallyError('NOT_FOUND', `there is no ${path}`, {
    hint: isClient(wanted)
      ? `add a server in ${wanted} first, or name the file: tally install mcp --client FILE`
      : `clients are ${CLIENTS.join(', ')}; anything else is taken for a file`,
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return false;
    throw unusable(path, error);
  }
}

/** All of the file is changed, or none of it: its program reads the old one or the new one, whole. */
async function edit(
  target: Target,
  change: (text: string) => Edited,
  dryRun: boolean,
  keep: boolean,
): Promise<Done> {
  try {
    // A link stays one: it is often how somebody keeps such files elsewhere.
    const path = await realpath(target.path);
    const text = textOf(await readFile(path), target.path);
    const edited = change(text);
    if (edited.text === text || dryRun) return { target, edited, changed: edited.text !== text };
    const backup = `${path}${BACKUP}`;
    const { mode } = await stat(path);
    if (keep) await replace(backup, text, mode);
    // Its program may have written it meanwhile: what it wrote must not be lost.
    if ((await readFile(path, 'utf8')) !== text)
      throw new TallyError('USAGE', `${target.path} was changed by another program just now`, {
        hint: 'run it again',
      });
    await replace(path, edited.text, mode);
    // What was kept for the way back is of no use any more once it is what the file says again.
    if (!keep && (await readFile(backup, 'utf8').catch(() => undefined)) === edited.text) await rm(backup);
    return { target, edited, changed: true, ...(keep ? { backup } : {}) };
  } catch (error) {
    if (error instanceof TallyError) throw error;
    throw unusable(target.path, error);
  }
}

function textOf(bytes: Buffer, path: string): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  throw new TallyError('BAD_CONFIG', `${path} is not UTF-8, so nothing in it was changed`, {
    hint: 'save it as UTF-8',
  });
}

async function replace(path: string, text: string, mode: number): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(beside, text, { mode: mode & 0o777, flag: 'wx' });
    await chmod(beside, mode & 0o777);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

function unusable(path: string, cause: unknown): TallyError {
  return new TallyError('USAGE', `${path} cannot be changed (${errno(cause) ?? String(cause)})`, {
    hint: 'whose is it? The file and its directory have to be yours',
    cause,
  });
}

async function report(context: Context, done: readonly Done[], options: McpInstallOptions): Promise<void> {
  const { stdout } = context;
  // Keys and tokens stand in command lines.
  const redactor = createRedactor();
  const shown = (words: readonly string[]): string => redactor.redactText(words.map(quoted).join(' ')).value;
  if (options.json === true)
    return stdout.line(
      toJson({
        files: done.map(({ target, edited, changed, backup }) => ({
          client: target.client,
          path: target.path,
          changed: changed && options.dryRun !== true,
          ...(backup === undefined ? {} : { backup }),
          servers: edited.changes.map(({ before, after, ...rest }) => ({
            ...rest,
            ...(before === undefined || after === undefined
              ? {}
              : { before: shown(before), after: shown(after) }),
          })),
        })),
      }),
    );
  for (const { target, edited, changed, backup } of done) {
    await stdout.line(stdout.style.bold(safe(target.path)));
    for (const change of edited.changes) await tell(context, change, shown);
    if (edited.changes.length === 0) await stdout.line('  nothing to do here');
    if (backup !== undefined) await stdout.line(`  as it was: ${safe(backup)}`);
    if (changed && options.dryRun === true) await stdout.line('  nothing was written (--dry-run)');
  }
  if (done.some(({ changed }) => changed) && options.dryRun !== true)
    await context.stderr.line('start the client anew: it read its configuration when it began');
}

async function tell(
  { stdout }: Context,
  { name, done, why, before, after }: ServerChange,
  shown: (words: readonly string[]) => string,
): Promise<void> {
  const note = why === undefined ? done : `${done}: ${why}`;
  await stdout.line(`  ${safe(name)}: ${note}`);
  if (before === undefined || after === undefined) return;
  await stdout.line(stdout.style.red(`  - ${safe(shown(before))}`));
  await stdout.line(stdout.style.green(`  + ${safe(shown(after))}`));
}
