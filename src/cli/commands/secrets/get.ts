/** One value, to whoever asked for it: to a pipe as it is, to a terminal only when that was asked for too. */
import { accessed } from '../../../capture/secrets/access.ts';
import { type Resolved, resolveSecret } from '../../../capture/secrets/resolve.ts';
import { isVaultName } from '../../../capture/secrets/vault-format.ts';
import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { safe, toJson } from '../../output/safe.ts';
import { type AccessOptions, openContextSecrets, providerOf, wantedBy } from '../../secrets.ts';

export interface GetOptions extends AccessOptions {
  readonly reveal?: boolean;
  readonly json?: boolean;
}

export async function get(context: Context, name: string, options: GetOptions): Promise<void> {
  if (!isVaultName(name))
    // Not repeated: people paste values where a name belongs.
    throw new TallyError('USAGE', 'that is no name of a secret', {
      hint: 'letters, digits, "_", "." and "-", starting with a letter or "_"; tally secrets list shows them',
    });
  const opened = await openContextSecrets(context, options, { operator: false });
  try {
    const { manifest, profile = 'default', providers, door } = opened;
    const provider = providerOf(context, options);
    const wanted = { operation: 'get', key: name, ...wantedBy(context, opened, options) } as const;
    const missing = await accessed(door, wanted, async () => {
      const resolved = await resolveSecret(manifest, profile, name, providers, { provider });
      const { value, found } = resolved;
      try {
        // Known from here on to whatever this process records.
        if (value !== undefined) opened.session()?.recorder?.secrets.set(name, value.toString('utf8'));
        await print(context, name, resolved, opened, options);
        return {
          result: value === undefined,
          found,
          provider: resolved.provider,
          ref: resolved.ref,
          metadata: { tried: triedFor(resolved) },
        };
      } finally {
        value?.fill(0);
      }
    });
    if (missing) throw notThere(name, opened.profile);
  } finally {
    await opened.close();
  }
}

/** Who was asked, for the record: where and how it went, not in whose words. */
export function triedFor({ tried }: Pick<Resolved, 'tried'>): readonly Record<string, string>[] {
  return tried.map(({ provider, result, error_kind }) => ({
    provider,
    result,
    ...(error_kind === undefined ? {} : { error_kind }),
  }));
}

function notThere(name: string, profile: string | undefined): TallyError {
  const where = profile === undefined ? '' : ` in profile ${profile}`;
  return new TallyError('SECRET_NOT_FOUND', `there is no value for ${safe(name)}${where}`, {
    hint: `store one: tally secrets set ${safe(name)}${profile === undefined || profile === 'default' ? '' : ` --profile ${safe(profile)}`}`,
  });
}

async function print(
  { stdout }: Context,
  name: string,
  { value, found, provider, ref }: Resolved,
  { project, profile }: Pick<OpenedNames, 'project' | 'profile'>,
  { json, reveal }: GetOptions,
): Promise<void> {
  const shown = reveal === true || !stdout.isTTY;
  if (json === true) {
    await stdout.line(
      toJson({
        name,
        found,
        ...(project === undefined ? {} : { project }),
        ...(profile === undefined ? {} : { profile }),
        ...(provider === undefined ? {} : { provider }),
        ...(ref === undefined ? {} : { ref }),
        ...(value === undefined ? {} : { bytes: value.length }),
        ...(value === undefined || !shown ? {} : encoded(value)),
      }),
    );
    return;
  }
  if (value === undefined) return;
  if (!stdout.isTTY) await stdout.write(Buffer.from(value));
  else if (shown) await stdout.line(safe(value.toString('utf8')));
  else await stdout.line(`•••••••• (${value.length} bytes; --reveal shows it)`);
}

interface OpenedNames {
  readonly project: string | undefined;
  readonly profile: string | undefined;
}

/** Text where it is text; JSON holds nothing else. */
function encoded(value: Buffer): { readonly value: string; readonly encoding?: 'base64' } {
  const text = value.toString('utf8');
  return Buffer.from(text).equals(value)
    ? { value: text }
    : { value: value.toString('base64'), encoding: 'base64' };
}
