/** Whether all that a profile declares is there; at a terminal, what is missing is asked for. No value is printed. */
import { accessed } from '../../../capture/secrets/access.ts';
import { destinationOf } from '../../../capture/secrets/destination.ts';
import {
  type ProfileSecret,
  type ProfileState,
  resolveProfile,
  visibleSecrets,
  wipeProfile,
} from '../../../capture/secrets/profile.ts';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { secretErrorKind } from '../../../core/secret-errors.ts';
import type { OpenedSecrets } from '../../../open/secrets.ts';
import type { Context } from '../../context.ts';
import { readHidden } from '../../input.ts';
import { unlockIfAsked } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { type Cell, layOut } from '../../output/table.ts';
import { type AccessOptions, openContextSecrets, providerOf, wantedBy } from '../../secrets.ts';
import { changed } from './record.ts';

export interface CheckOptions extends AccessOptions {
  readonly scope?: string;
  readonly prompt?: boolean;
  readonly json?: boolean;
}

type Status = 'resolved' | 'default' | 'missing_required' | 'missing_optional' | 'error';

interface Checked {
  readonly name: string;
  readonly status: Status;
  readonly required: boolean;
  readonly description?: string;
  readonly source_provider?: string;
  readonly error_kind?: string;
  /** In words, and how to mend it: for people and --json, not for the record. */
  readonly error?: string;
  readonly as_path: boolean;
}

interface Report {
  readonly secrets: readonly Checked[];
  readonly groups: ProfileState['groups'];
}

/** Not 0: a program that waits for this gets its answer from the code. */
const EXIT_MISSING = 3;
const EXIT_FAILED = 1;

export async function check(context: Context, options: CheckOptions): Promise<void> {
  const opened = await openContextSecrets(context, options);
  try {
    const { manifest } = opened;
    if (manifest === undefined)
      throw new TallyError(
        'NOT_FOUND',
        'there is no secretspec.toml here or above, so nothing says what has to be there',
        {
          hint: 'name the manifest with --file; tally secrets list shows the machine’s own secrets',
          details: { kind: 'manifest_missing' },
        },
      );
    const first = await look(context, opened, options);
    const asked = options.prompt !== false && options.json !== true && context.interactive;
    if (options.json !== true) await print(context, opened, first);
    const wanted = missingOf(first);
    const report = asked && wanted.length > 0 ? await askFor(context, opened, options, wanted) : first;
    if (options.json === true) await context.stdout.line(toJson(jsonOf(opened, report)));
    else await conclude(context, opened, report);
    if (report.secrets.some(({ status }) => status === 'error')) context.exit(EXIT_FAILED);
    else if (missingOf(report).length > 0 || report.groups.length > 0) context.exit(EXIT_MISSING);
  } finally {
    await opened.close();
  }
}

async function look(context: Context, opened: OpenedSecrets, options: CheckOptions): Promise<Report> {
  const { manifest, profile = 'default', providers, door } = opened;
  if (manifest === undefined) return { secrets: [], groups: [] };
  const { scope } = options;
  const keys = visibleSecrets(manifest, profile, scope).map(({ name }) => name);
  const wanted = { operation: 'check', keys, ...wantedBy(context, opened, options) } as const;
  return accessed(door, wanted, async () => {
    const state = await resolveProfile(manifest, profile, providers, {
      provider: providerOf(context, options),
      scope,
    });
    wipeProfile(state);
    const result: Report = { secrets: state.secrets.map(judged), groups: state.groups };
    const missing = missingOf(result);
    const failed = result.secrets.flatMap(({ name, error_kind }) =>
      error_kind === undefined ? [] : [{ key: name, error_kind }],
    );
    return {
      result,
      found:
        failed.length > 0 ? 'error' : missing.length > 0 || state.groups.length > 0 ? 'missing' : 'found',
      ...(failed[0] === undefined ? {} : { outcome: { status: 'error', error_kind: failed[0].error_kind } }),
      metadata: {
        ...(missing.length === 0 ? {} : { missing: missing.slice(0, MOST_TOLD) }),
        ...(failed.length === 0 ? {} : { failed: failed.slice(0, MOST_TOLD) }),
      },
    };
  });
}

/** Metadata of an entry is bounded. */
const MOST_TOLD = 64;

function judged(found: ProfileSecret): Checked {
  const { name, required, description, asPath } = found.secret;
  const common = { name, required, as_path: asPath, ...(description === undefined ? {} : { description }) };
  if ('failure' in found) {
    const { failure } = found;
    const error = failure instanceof TallyError ? failure.message : 'a bug';
    return { ...common, status: 'error', error_kind: secretErrorKind(failure), error };
  }
  const { found: how, provider } = found.resolved;
  const from = provider === undefined ? {} : { source_provider: provider };
  if (how === 'missing') return { ...common, status: required ? 'missing_required' : 'missing_optional' };
  return { ...common, status: how === 'default' ? 'default' : 'resolved', ...from };
}

const missingOf = ({ secrets }: Report): readonly string[] =>
  secrets.filter(({ status }) => status === 'missing_required').map(({ name }) => name);

const WORDS: { readonly [status in Status]: string } = {
  resolved: 'there',
  default: 'default',
  missing_required: 'MISSING',
  missing_optional: 'optional',
  error: 'error',
};

function paintOf(status: Status, style: Style) {
  if (status === 'resolved') return style.green;
  return status === 'missing_required' || status === 'error' ? style.red : style.dim;
}

async function print(
  context: Context,
  { project, profile }: OpenedSecrets,
  { secrets }: Report,
): Promise<void> {
  const { stdout } = context;
  const { style } = stdout;
  await stdout.line(style.dim(`${safe(project ?? '')}, profile ${safe(profile ?? '')}`));
  const rows = secrets.map(({ name, status, source_provider, error_kind, description }): readonly Cell[] => [
    { text: safe(name) },
    {
      text: error_kind === undefined ? WORDS[status] : `error: ${error_kind}`,
      paint: paintOf(status, style),
    },
    { text: safe(source_provider ?? ''), paint: style.dim },
    { text: safe(description ?? ''), paint: style.dim },
  ]);
  const columns = [
    { header: 'SECRET', shrinkTo: 12, cut: 'middle' as const },
    { header: 'STATE' },
    { header: 'FROM', shrinkTo: 8, optional: 1 },
    { header: 'WHAT IT IS', shrinkTo: 10, optional: 2, weight: 2 },
  ];
  const layout = layOut(columns, rows, stdout.width);
  if (rows.length > 0) await stdout.line(layout.header(style.dim));
  for (const row of rows) await stdout.line(layout.row(row));
}

async function conclude(context: Context, { profile }: OpenedSecrets, report: Report): Promise<void> {
  const { stderr } = context;
  const { red, green } = stderr.style;
  for (const { name, error } of report.secrets)
    if (error !== undefined) await stderr.line(`${red(`${safe(name)}:`)} ${safe(error)}`);
  for (const { group, what } of report.groups)
    await stderr.line(`${red(`group ${safe(group)}:`)} ${safe(what)}`);
  const missing = missingOf(report);
  const flag = profile === undefined || profile === 'default' ? '' : ` --profile ${safe(profile)}`;
  if (missing.length > 0) {
    await stderr.line(`${red(`${missing.length} missing:`)} ${missing.map(safe).join(', ')}`);
    await stderr.line(`hint: tally secrets set ${safe(missing[0] ?? 'KEY')}${flag}`);
  } else if (report.groups.length === 0 && report.secrets.every(({ status }) => status !== 'error')) {
    await stderr.line(green('everything that is required is there'));
  }
}

/** One after the other; an empty answer skips. */
async function askFor(
  context: Context,
  opened: OpenedSecrets,
  options: CheckOptions,
  names: readonly string[],
): Promise<Report> {
  const { manifest, profile = 'default', providers } = opened;
  const provider = providerOf(context, options);
  await unlockIfAsked(context);
  for (const name of names) {
    const destination = await destinationOf(manifest, profile, name, providers, { provider });
    destination.requireWritable();
    const value = await readHidden(context, {
      what: `the value of ${name} (nothing: skip), for ${safe(destination.address)}`,
      pipe: `tally secrets set ${name} < FILE`,
      confirm: true,
      optional: true,
      mostBytes: LIMITS.secretMaxBytes + 2,
    });
    try {
      if (value.length === 0) continue;
      const what = { operation: 'set', key: name, provider: destination.uri } as const;
      await changed(context, opened, options, what, async () => {
        opened.session()?.recorder?.secrets.set(name, value.toString('utf8'));
        const result = await destination.write(value);
        return { result, found: 'written', provider: destination.uri, ref: destination.ref };
      });
    } finally {
      value.fill(0);
    }
  }
  return look(context, opened, options);
}

function jsonOf({ project, profile }: OpenedSecrets, { secrets, groups }: Report) {
  return {
    project,
    profile,
    ok:
      groups.length === 0 &&
      secrets.every(({ status }) => status !== 'error' && status !== 'missing_required'),
    secrets: secrets.map(({ status, ...rest }) => ({
      ...rest,
      status: status === 'default' ? 'resolved' : status,
      default_applied: status === 'default',
    })),
    ...(groups.length === 0 ? {} : { groups }),
  };
}
