import type { Manifest, SecretDeclaration } from '../../../capture/secrets/manifest/types.ts';
import { secretsOf } from '../../../capture/secrets/resolve.ts';
import { routeOf } from '../../../capture/secrets/route.ts';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { OpenedSecrets } from '../../../open/secrets.ts';
import { readyVault } from '../../../open/vault.ts';
import type { Context } from '../../context.ts';
import { safe, toJson } from '../../output/safe.ts';
import { type Column, layOut } from '../../output/table.ts';
import { formatTime } from '../../output/time.ts';
import { openForWriting, type WriteOptions } from './record.ts';
import { setTimes } from './times.ts';

export interface ListOptions extends WriteOptions {
  readonly utc?: boolean;
}

/**
 * In a project what its manifest declares, and where each secret would be looked for first; elsewhere what the vault of
 * this machine holds. Reads only: no store is asked, nothing is written, and no value is shown.
 */
export async function list(context: Context, options: ListOptions): Promise<void> {
  const opened = await openForWriting(context, options);
  try {
    if (opened.manifest === undefined) return await listVault(context, options);
    await listDeclared(context, opened, opened.manifest, options);
  } finally {
    await opened.close();
  }
}

async function listDeclared(
  context: Context,
  { profile = 'default', providers }: OpenedSecrets,
  manifest: Manifest,
  { json }: ListOptions,
): Promise<void> {
  const rows = [...secretsOf(manifest, profile).values()].map((secret) => ({
    key: secret.name,
    required: secret.required,
    needed: needOf(secret),
    providers:
      secret.composed === undefined
        ? routeOf(manifest, secret, providers).map(({ alias, spec }) => alias ?? schemeIn(spec))
        : [],
    description: secret.description ?? '',
  }));
  if (json === true) {
    await context.stdout.line(
      toJson({ project: manifest.project, profile, manifest: manifest.path, secrets: rows }),
    );
    return;
  }
  const columns: readonly Column[] = [
    { header: 'KEY', shrinkTo: 12 },
    { header: 'NEEDED', optional: 2 },
    { header: 'LOOKED FOR IN', shrinkTo: 10, optional: 3 },
    { header: 'WHAT FOR', shrinkTo: 12, optional: 1 },
  ];
  await table(
    context,
    columns,
    rows.map(({ key, needed, providers: places, description }) => [
      key,
      needed,
      places.join(', '),
      description,
    ]),
  );
  await context.stderr.say(
    `${rows.length} declared by ${safe(manifest.project)}, profile ${safe(profile)}. Which are there: tally secrets check`,
  );
}

/** Of an address only what names the provider: the rest is for `check`. */
function schemeIn(spec: string): string {
  return /^[a-z][a-z0-9+_-]*/i.exec(spec)?.[0] ?? spec.slice(0, 0);
}

function needOf({ required, default: fallback, groups, composed }: SecretDeclaration): string {
  if (composed !== undefined) return 'composed';
  const [group] = groups;
  if (group !== undefined) return `${group.mode === 'exactly_one' ? 'one' : 'one or more'} of ${group.group}`;
  if (fallback !== undefined) return 'has a default';
  return required ? 'required' : 'optional';
}

async function listVault(context: Context, options: ListOptions): Promise<void> {
  const { paths, stdout, stderr } = context;
  const vault = await readyVault(paths, context.warn);
  if (vault.locked())
    throw new TallyError('VAULT_LOCKED', 'the vault is locked', { hint: 'tally secrets unlock' });
  const found = vault.entries().map(({ name, value }) => {
    const length = lengthClass(value.length);
    value.fill(0);
    return { name, length };
  });
  vault.close();
  const times = await setTimes(context, new Set(found.map(({ name }) => name)));
  const rows = found
    .map(({ name, length }) => ({ key: name, set_at: times.get(name), length }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  if (options.json === true) {
    await stdout.line(toJson({ secrets: rows }));
    return;
  }
  if (rows.length === 0) {
    await stderr.line('No secret is stored. Store one: tally secrets set NAME');
    return;
  }
  await table(
    context,
    [
      { header: 'KEY', shrinkTo: 12 },
      { header: 'SET', optional: 1 },
      { header: 'LENGTH', optional: 2 },
    ],
    rows.map(({ key, set_at, length }) => [
      key,
      set_at === undefined
        ? 'not in this log'
        : formatTime(set_at, { utc: options.utc === true }).slice(0, 19),
      length,
    ]),
  );
}

async function table(
  { stdout }: Context,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  const cells = rows.map((row) => row.map((text) => ({ text: safe(text) })));
  const layout = layOut(columns, cells, stdout.width);
  await stdout.line(layout.header(stdout.style.dim));
  for (const row of cells) await stdout.line(layout.row(row));
}

/** Enough to see an empty or cut-off value, too little to help a guess. */
export function lengthClass(bytes: number): string {
  if (bytes < LIMITS.secretMinBytes) return `under ${LIMITS.secretMinBytes} bytes: too short to be redacted`;
  if (bytes < 16) return `${LIMITS.secretMinBytes} to 15 bytes`;
  if (bytes < 64) return '16 to 63 bytes';
  return bytes < 1024 ? '64 to 1023 bytes' : '1024 bytes or more';
}
