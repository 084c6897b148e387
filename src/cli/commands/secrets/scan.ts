/** Whether values of the vault stand where they should not: in sessions of agents, in histories, in logs. */
import { lstatSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { accessed } from '../../../capture/secrets/access.ts';
import { filesBelow, type Leak, SESSION_PLACES, scanFile } from '../../../capture/secrets/scan.ts';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { createSecrets } from '../../../core/redact/secrets.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { createProgress } from '../../output/progress.ts';
import { safe, toJson } from '../../output/safe.ts';
import { openContextSecrets, wantedBy } from '../../secrets.ts';

export interface ScanOptions {
  readonly reason?: string;
  readonly json?: boolean;
}

interface Scanned {
  readonly looked_for: number;
  readonly too_short: readonly string[];
  readonly files: number;
  readonly bytes: number;
  readonly leaks: readonly Leak[];
  readonly unreadable: readonly string[];
  /** More files than are looked at. */
  readonly more: boolean;
}

const EXIT_FOUND = 1;
const EXIT_UNKNOWN = 2;

export async function scan(context: Context, paths: readonly string[], options: ScanOptions): Promise<void> {
  const opened = await openContextSecrets(context, { ...options, global: true });
  try {
    const vault = await opened.vault();
    const keys = vault.list();
    const wanted = { operation: 'check', keys, ...wantedBy(context, opened, options) } as const;
    const result = await accessed(opened.door, wanted, async () => {
      const known = createSecrets();
      const short: string[] = [];
      for (const { name, value } of vault.entries()) {
        if (!known.set(name, value.toString('utf8'))) short.push(name);
        value.fill(0);
      }
      const scanned = await look(context, places(context, paths), known, keys.length, short);
      const { files, bytes, leaks } = scanned;
      const leaked = [...new Set(leaks.map(({ key }) => key))];
      return {
        result: scanned,
        found: 'found',
        metadata: { scan: { files, bytes, leaked: leaked.slice(0, MOST_TOLD), leaking_files: leaks.length } },
      };
    });
    if (options.json === true) await context.stdout.line(toJson(result));
    else await print(context, result);
    if (result.leaks.length > 0) context.exit(EXIT_FOUND);
    else if (result.unreadable.length > 0 || result.more) context.exit(EXIT_UNKNOWN);
  } finally {
    await opened.close();
  }
}

/** Metadata of an entry is bounded. */
const MOST_TOLD = 64;

function places({ paths }: Context, named: readonly string[]): readonly string[] {
  if (named.length === 0)
    return [...SESSION_PLACES.map((place) => join(homedir(), place)), paths.logs].filter(
      (path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined,
    );
  for (const path of named)
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
      throw new TallyError('NOT_FOUND', `there is no ${path}`, { hint: 'name files or directories' });
  return named.map((path) => resolve(path));
}

async function look(
  { stderr }: Context,
  where: readonly string[],
  known: ReturnType<typeof createSecrets>,
  total: number,
  short: readonly string[],
): Promise<Scanned> {
  const { files, unreadable, more } = filesBelow(where);
  const matcher = known.plain();
  const size = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const progress = createProgress(stderr, 'looking', 'MB');
  const leaks: Leak[] = [];
  const failed = [...unreadable];
  let done = 0;
  try {
    for (const { path } of files) {
      const found = await scanFile(path, matcher, (count) => {
        done += count;
        progress.update(Math.round(done / 1e6), Math.max(1, Math.round(size / 1e6)));
      });
      if (found === undefined) failed.push(path);
      else leaks.push(...found);
    }
  } finally {
    progress.end();
  }
  return {
    looked_for: total - short.length,
    too_short: short,
    files: files.length,
    bytes: done,
    leaks,
    unreadable: failed,
    more,
  };
}

async function print({ stdout, stderr }: Context, result: Scanned): Promise<void> {
  const { red, green, dim, bold } = stdout.style;
  const { leaks, files, looked_for, too_short, unreadable, more } = result;
  for (const { path, key, count, lines } of leaks) {
    const at = lines.length === 0 ? '' : dim(`  line ${lines.join(', ')}${count > lines.length ? ' …' : ''}`);
    await stdout.line(`${red(safe(key))}  ${counted(count, 'time')}  ${bold(safe(path))}${at}`);
  }
  const keys = [...new Set(leaks.map(({ key }) => key))];
  if (keys.length > 0) {
    await stderr.line(
      `${red(`${counted(keys.length, 'secret')} leaked`)} into ${counted(new Set(leaks.map(({ path }) => path)).size, 'file')}`,
    );
    await stderr.line(`hint: replace them where they came from, then: ${setting(keys[0] ?? 'KEY')}`);
  } else if (looked_for === 0) await stderr.line('the vault holds nothing that could be looked for');
  else
    await stderr.line(green(`none of ${counted(looked_for, 'secret')} stands in ${counted(files, 'file')}`));
  if (too_short.length > 0)
    await stderr.line(
      dim(`not looked for, shorter than ${LIMITS.secretMinBytes} bytes: ${too_short.map(safe).join(', ')}`),
    );
  if (more) await stderr.line(red(`only the first ${LIMITS.scanFiles} files were looked at`));
  for (const path of unreadable) await stderr.line(red(`could not be read: ${safe(path)}`));
}

/** In the vault a project's secret has its project and profile before its name. */
function setting(key: string): string {
  const [, profile, name] = /^[^/]+\/([^/]+)\/([^/]+)$/.exec(key) ?? [];
  if (name === undefined || profile === undefined) return `tally secrets set --global ${safe(key)}`;
  return `tally secrets set ${safe(name)}${profile === 'default' ? '' : ` --profile ${safe(profile)}`}`;
}
