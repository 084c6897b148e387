/**
 * The gateway's credential for its upstream, by its name: read again where it may have been replaced, as the broker reads
 * its own, and each value that is handed over is on record before it is, as every access to a secret is.
 */
import { accessed } from '../../../capture/secrets/access.ts';
import { createCredentialSource } from '../../../capture/secrets/credentials.ts';
import { resolveSecret } from '../../../capture/secrets/resolve.ts';
import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { openContextSecrets, wantedBy } from '../../secrets.ts';
import { triedFor } from '../secrets/get.ts';

export interface GatewayCredential {
  /** Throws what stops it, and SECRET_NOT_FOUND. */
  get(): Promise<string>;
  refused(): void;
  close(): Promise<void>;
}

/** `onValue`: another value from now on, before anybody is given it. */
export async function openCredential(
  context: Context,
  name: string,
  onValue: (value: string) => void,
): Promise<GatewayCredential> {
  let current = await readCredential(context, name);
  onValue(current);
  // Nothing is asked of its door: the log is not held open by who only looks.
  const opened = await openContextSecrets(context, { global: true });
  const source = createCredentialSource({
    vault: await opened.vault(),
    providers: opened.providers,
    known: () => undefined,
    now: () => performance.now(),
  });
  let changing: Promise<string> | undefined;

  async function changed(): Promise<string> {
    current = await readCredential(context, name);
    onValue(current);
    return current;
  }

  return {
    async get() {
      const held = await source.get(name);
      const isSame = held?.value.equals(Buffer.from(current)) === true;
      held?.value.fill(0);
      if (isSame) return current;
      changing ??= changed().finally(() => {
        changing = undefined;
      });
      return changing;
    },
    refused: () => source.refused?.(name),
    async close() {
      source.close();
      await opened.close();
    },
  };
}

async function readCredential(context: Context, name: string): Promise<string> {
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
