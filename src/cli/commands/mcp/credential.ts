/** The gateway's credential for its upstream: read by name once, on record as every access to a secret is. */
import { accessed } from '../../../capture/secrets/access.ts';
import { resolveSecret } from '../../../capture/secrets/resolve.ts';
import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { openContextSecrets, wantedBy } from '../../secrets.ts';
import { triedFor } from '../secrets/get.ts';

/** Throws what stops it, and SECRET_NOT_FOUND. */
export async function readCredential(context: Context, name: string): Promise<string> {
  const opened = await openContextSecrets(context, { global: true, reason: 'tally mcp gateway' });
  try {
    const { manifest, profile = 'default', providers, door } = opened;
    const wanted = {
      operation: 'get',
      key: name,
      ...wantedBy(context, opened, { reason: 'tally mcp gateway' }),
    } as const;
    const value = await accessed(door, wanted, async () => {
      const resolved = await resolveSecret(manifest, profile, name, providers, { provider: undefined });
      const text = resolved.value?.toString('utf8');
      resolved.value?.fill(0);
      // Known from here on to whatever this process records.
      if (text !== undefined) opened.session()?.recorder?.secrets.set(name, text);
      const { found, provider, ref } = resolved;
      return { result: text, found, provider, ref, metadata: { tried: triedFor(resolved) } };
    });
    if (value !== undefined && /^[!-~]+$/.test(value)) return value;
    if (value !== undefined)
      throw new TallyError('USAGE', `the value of ${name} cannot stand in a header`, {
        hint: 'a bearer token is printable ASCII without spaces',
      });
    throw new TallyError('SECRET_NOT_FOUND', `there is no value for ${name}`, {
      hint: `store one: tally secrets set ${name}`,
    });
  } finally {
    await opened.close();
  }
}
