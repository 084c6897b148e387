/** Moves values from one place to where the manifest, or the machine, keeps them. What is there already stays. */
import { type Destination, destinationOf } from '../../../capture/secrets/destination.ts';
import { secretsOf } from '../../../capture/secrets/resolve.ts';
import { routeOf } from '../../../capture/secrets/route.ts';
import { openSource, type Source } from '../../../capture/secrets/source.ts';
import { isTallyError, TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { secretErrorKind } from '../../../core/secret-errors.ts';
import type { OpenedSecrets } from '../../../open/secrets.ts';
import type { Context } from '../../context.ts';
import { unlockIfAsked } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { providerOf } from '../../secrets.ts';
import { changed, openForWriting, type WriteOptions } from './record.ts';
import { whose } from './set.ts';

export interface ImportOptions extends WriteOptions {
  readonly from?: string;
  readonly overwrite?: boolean;
}

type Fate = 'written' | 'kept' | 'missing' | 'same' | 'read_only' | 'failed';

export async function importSecrets(
  context: Context,
  names: readonly string[],
  options: ImportOptions,
): Promise<void> {
  const { from } = options;
  if (from === undefined)
    throw new TallyError('USAGE', 'where from?', { hint: 'tally secrets import --from dotenv:.env' });
  const opened = await openForWriting(context, options);
  let failure: TallyError | undefined;
  try {
    await unlockIfAsked(context);
    const source = await openSource(opened.manifest, opened.profile ?? 'default', opened.providers, from);
    const { wanted, undeclared } = await wantedOf(opened, source, names);
    if (wanted.length === 0)
      throw new TallyError('SECRET_NOT_FOUND', `nothing to import from ${safe(source.uri)}`, {
        hint:
          undeclared.length === 0
            ? 'name the secrets: tally secrets import --from env KEY…'
            : `declare them in the manifest first: ${undeclared.slice(0, 5).map(safe).join(', ')}; or --global`,
      });
    const what = { operation: 'import', keys: wanted, provider: source.uri } as const;
    const fates = await changed(context, opened, options, what, async () => {
      const result = new Map<string, Fate>();
      const provider = providerOf(context, options);
      const { manifest, profile = 'default', providers } = opened;
      let to: string | undefined;
      for (const name of wanted) {
        try {
          const destination = await destinationOf(manifest, profile, name, providers, { provider });
          const fate = await move(source, destination, opened, options);
          if (fate === 'written') to ??= destination.uri;
          result.set(name, fate);
        } catch (error) {
          // The others are brought over all the same: what failed is told, and is the end of the command.
          if (!isTallyError(error)) throw error;
          failure ??= error;
          result.set(name, error.details?.kind === 'provider_read_only' ? 'read_only' : 'failed');
        }
      }
      const written = [...result.values()].filter((fate) => fate === 'written').length;
      return {
        result,
        found: written > 0 ? 'written' : failure === undefined ? 'missing' : 'error',
        provider: source.uri,
        ...(failure === undefined
          ? {}
          : { outcome: { status: 'error' as const, error_kind: secretErrorKind(failure) } }),
        metadata: { ...(to === undefined ? {} : { to }), ...counted(result), names: writtenIn(result) },
      };
    });
    await show(context, opened, fates, undeclared, source, options);
    if (failure !== undefined) throw failure;
  } finally {
    await opened.close();
  }
}

/** What is imported: what was named, else what the manifest declares, else all that the source can list. */
async function wantedOf(
  { manifest, profile = 'default', providers }: OpenedSecrets,
  source: Source,
  names: readonly string[],
): Promise<{ wanted: readonly string[]; undeclared: readonly string[] }> {
  if (names.length > 0) return { wanted: [...new Set(names)], undeclared: [] };
  if (manifest === undefined) return { wanted: await source.names(), undeclared: [] };
  const declared = secretsOf(manifest, profile);
  const stored = [...declared.values()].filter(
    (secret) =>
      secret.composed === undefined &&
      secret.extract === undefined &&
      // What is read from there anyway is where it belongs.
      routeOf(manifest, secret, providers)[0]?.spec !== source.spec,
  );
  const undeclared = source.listsForeign ? [] : (await source.names()).filter((name) => !declared.has(name));
  return { wanted: stored.map(({ name }) => name), undeclared };
}

async function move(
  source: Source,
  destination: Destination,
  opened: OpenedSecrets,
  { overwrite = false }: ImportOptions,
): Promise<Fate> {
  const value = await source.get(destination.name);
  if (value === undefined) return 'missing';
  destination.requireWritable();
  try {
    const before = await destination.read();
    const same = before?.equals(value) === true;
    before?.fill(0);
    if (same) return 'same';
    if (before !== undefined && !overwrite) return 'kept';
    opened.session()?.recorder?.secrets.set(destination.name, value.toString('utf8'));
    await destination.writeStored(value);
    return 'written';
  } finally {
    value.fill(0);
  }
}

/** Which were written: of many, as many as one entry names. */
function writtenIn(fates: ReadonlyMap<string, Fate>): readonly string[] {
  return [...fates].flatMap(([name, fate]) => (fate === 'written' ? [name] : [])).slice(0, LIMITS.accessKeys);
}

function counted(fates: ReadonlyMap<string, Fate>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const fate of fates.values()) counts[fate] = (counts[fate] ?? 0) + 1;
  return counts;
}

const SAID: { readonly [fate in Fate]: string } = {
  written: 'imported',
  same: 'there already, the same',
  kept: 'there already, another value: left as it is (--overwrite replaces it)',
  missing: 'not there',
  read_only: 'is read from elsewhere, and cannot be written there',
  failed: 'failed',
};

async function show(
  { stdout, stderr }: Context,
  opened: OpenedSecrets,
  fates: ReadonlyMap<string, Fate>,
  undeclared: readonly string[],
  { uri }: Source,
  { json }: ImportOptions,
): Promise<void> {
  if (json === true) {
    const secrets = [...fates].map(([key, result]) => ({ key, result }));
    await stdout.line(toJson({ from: uri, secrets, undeclared }));
    return;
  }
  const width = Math.max(...[...fates.keys()].map((name) => name.length));
  for (const [name, fate] of fates) await stdout.line(`${safe(name).padEnd(width)}  ${SAID[fate]}`);
  const written = counted(fates).written ?? 0;
  await stderr.line(`${written} imported from ${safe(uri)}${whose(opened)}`);
  if (undeclared.length > 0) {
    const some = undeclared.slice(0, 10).map(safe).join(', ');
    await stderr.line(
      `not declared in the manifest, so left there: ${some}${undeclared.length > 10 ? ` and ${undeclared.length - 10} more` : ''}`,
    );
  }
}
