/** `tally uninstall claude-code`: takes out exactly what the install put in. */
import { hooksIn, TOKEN_VARIABLE, withoutHooks } from '../../../capture/hook/settings.ts';
import { isObject } from '../../../core/query/fields.ts';
import { type Install, readInstalls, writeInstalls } from '../../../open/hooks/installs.ts';
import { BACKUP, readFileAt, replaceSettings, type SettingsFile } from '../../claude-code/file.ts';
import { placeOf } from '../../claude-code/place.ts';
import { readSettings, withMember } from '../../claude-code/settings-text.ts';
import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import type { Change, HookOptions } from './claude-code.ts';
import { printDiff } from './claude-code-diff.ts';

export async function uninstallHooks(context: Context, options: HookOptions): Promise<void> {
  const place = placeOf(context, options);
  const installs = readInstalls(context.paths);
  const file = await readFileAt(place.file);
  const known = installs.find((one) => one.file === file.path);
  const changes = [
    withoutOurs(file),
    ...(place.beside === undefined ? [] : [withoutToken(await readFileAt(place.beside), known)]),
  ].filter(({ file: of, after }) => of.text !== after);
  const isThere = changes.length > 0 || known !== undefined;
  if (options.dryRun !== true && isThere)
    await asOperator(context, async (ask) => {
      await ask('hook.change', { change: 'uninstall', file: file.path, closed: known?.closed === true });
      for (const { file: of, after } of changes) await replaceSettings(of, after, false);
      await writeInstalls(
        context.paths,
        installs.filter((one) => one !== known),
      );
    });
  const paths = changes.map(({ file: { path } }) => path);
  if (options.json === true)
    return context.stdout.line(
      toJson({ changed: paths, ...(options.dryRun === true ? { dry_run: true } : {}) }),
    );
  if (!isThere) return context.stdout.line(`no hooks of tally are in ${safe(file.path)}`);
  for (const { file: of, after } of changes)
    await printDiff(context.stdout, of.path, of.text, after, known?.token ?? 'hok_');
  if (options.dryRun === true) return context.stdout.line('nothing was changed: --dry-run');
  for (const { file: of, after } of changes)
    await context.stdout.line(
      `${after === undefined ? 'removed' : 'wrote'} ${safe(of.path)}, as it was: ${safe(of.path)}${BACKUP}`,
    );
}

/** A file with nothing but our hooks was made by the install: it goes. */
function withoutOurs(file: SettingsFile): Change {
  const settings = readSettings(file.path, file.text ?? '');
  if (file.text === undefined || hooksIn(settings).size === 0)
    return { file, after: file.text, secret: false };
  const bare = withoutHooks(settings);
  return { file, after: rest(withMember(file.path, file.text, 'hooks', bare.hooks)), secret: false };
}

function withoutToken(file: SettingsFile, known: Install | undefined): Change {
  const { env } = readSettings(file.path, file.text ?? '');
  if (file.text === undefined || !isObject(env) || env[TOKEN_VARIABLE] !== (known?.token ?? null))
    return { file, after: file.text, secret: false };
  const { [TOKEN_VARIABLE]: _token, ...others } = env;
  const bare = Object.keys(others).length === 0 ? undefined : others;
  return { file, after: rest(withMember(file.path, file.text, 'env', bare)), secret: false };
}

function rest(text: string): string | undefined {
  return /^\s*\{\s*\}\s*$/.test(text) ? undefined : text;
}
