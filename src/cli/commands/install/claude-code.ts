/** `tally install claude-code`: the hooks of Claude Code, in one of its settings files. What others put there stays. */
import { randomBytes } from 'node:crypto';
import { TOKEN_VARIABLE, withHooks } from '../../../capture/hook/settings.ts';
import { BLOCKS_SINCE, isAtLeast } from '../../../capture/hook/version.ts';
import { isObject } from '../../../core/query/fields.ts';
import { type Install, readInstalls, writeInstalls } from '../../../open/hooks/installs.ts';
import { BACKUP, readFileAt, replaceSettings, type SettingsFile } from '../../claude-code/file.ts';
import {
  commandFor,
  type Place,
  placeOf,
  type Scope,
  type Target,
  targetOf,
} from '../../claude-code/place.ts';
import { readSettings, withMember } from '../../claude-code/settings-text.ts';
import { claudeOnPath } from '../../claude-code/version.ts';
import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { printDiff } from './claude-code-diff.ts';

export interface HookOptions extends Scope {
  readonly closed?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export interface Change {
  readonly file: SettingsFile;
  readonly after: string | undefined;
  /** It holds a token. */
  readonly secret: boolean;
}

export async function installHooks(context: Context, options: HookOptions): Promise<void> {
  const place = placeOf(context, options);
  const target = await targetOf(context);
  const closed = options.closed === true;
  const installs = readInstalls(context.paths);
  const file = await readFileAt(place.file);
  const known = installs.find((one) => one.file === file.path);
  const token = known?.token ?? `hok_${randomBytes(32).toString('base64url')}`;
  const changes = await planned(context, place, file, target, token, closed);
  const changed = changes.filter(isChange);
  const install: Install = {
    file: file.path,
    token,
    closed,
    since: known?.since ?? new Date(context.now()).toISOString(),
  };
  const isNew = known === undefined || known.closed !== closed;
  if (options.dryRun !== true && (changed.length > 0 || isNew))
    await asOperator(context, async (ask) => {
      await ask('hook.change', { change: 'install', file: file.path, closed });
      // Known before it is written: no post of it is refused.
      await writeInstalls(context.paths, [...installs.filter((one) => one !== known), install]);
      for (const { file: of, after, secret } of changed) await replaceSettings(of, after, secret);
    });
  await tell(context, { changes, changed, target, place, options, token });
}

async function planned(
  context: Context,
  place: Place,
  file: SettingsFile,
  { url }: Target,
  token: string,
  closed: boolean,
): Promise<readonly Change[]> {
  const shared = place.beside !== undefined;
  const before = readSettings(file.path, file.text ?? '');
  const wanted = { url, command: commandFor(context, place), closed, ...(shared ? {} : { token }) };
  const after = withMember(file.path, file.text ?? '', 'hooks', withHooks(before, wanted).hooks);
  const changes: Change[] = [{ file, after, secret: !shared }];
  if (place.beside === undefined) return changes;
  const beside = await readFileAt(place.beside);
  const { env } = readSettings(beside.path, beside.text ?? '');
  const withToken = { ...(isObject(env) ? env : {}), [TOKEN_VARIABLE]: token };
  return [
    ...changes,
    { file: beside, after: withMember(beside.path, beside.text ?? '', 'env', withToken), secret: true },
  ];
}

/** A file that holds a token and may be read by others is changed too, if only in that. */
function isChange({ file, after, secret }: Change): boolean {
  return file.text !== after || (secret && file.mode !== undefined && (file.mode & 0o077) !== 0);
}

interface Told {
  readonly changes: readonly Change[];
  readonly changed: readonly Change[];
  readonly target: Target;
  readonly place: Place;
  readonly options: HookOptions;
  readonly token: string;
}

async function tell(
  context: Context,
  { changes, changed, target, place, options, token }: Told,
): Promise<void> {
  const { stdout } = context;
  const files = changes.map(({ file }) => file.path);
  if (options.json === true) {
    const { closed = false, dryRun = false } = options;
    return stdout.line(
      toJson({
        files,
        changed: changed.map(({ file }) => file.path),
        scope: place.scope,
        closed,
        url: target.url,
        running: target.running,
        ...(dryRun ? { dry_run: true } : {}),
      }),
    );
  }
  for (const { file, after } of changed) await printDiff(stdout, file.path, file.text, after, token);
  if (changed.length === 0) await stdout.line(`nothing to change: ${files.map(safe).join(', ')}`);
  else if (options.dryRun === true) await stdout.line('nothing was changed: --dry-run');
  else
    for (const { file } of changed) {
      const backup = file.text === undefined ? '' : `, as it was: ${safe(file.path)}${BACKUP}`;
      await stdout.line(`wrote ${safe(file.path)}${backup}`);
    }
  await advise(context, target, options);
}

async function advise({ stdout, warn }: Context, target: Target, { closed }: HookOptions): Promise<void> {
  await stdout.line(
    closed === true
      ? `Without a recorder that answers, prompts and tools are blocked.`
      : 'Without a recorder that answers, tools run unrecorded; --closed blocks them.',
  );
  await stdout.line('Start your sessions anew, then: tally doctor');
  if (!target.running) warn(`no recorder answers at ${target.url}: tally up --background`);
  const version = closed === true ? await claudeOnPath() : undefined;
  if (version !== undefined && !isAtLeast(version, BLOCKS_SINCE))
    warn(
      `Claude Code ${version} goes on when nobody answers, --closed or not; ${BLOCKS_SINCE} or later blocks: claude update`,
    );
}
