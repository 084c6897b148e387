import { destinationOf } from '../../../capture/secrets/destination.ts';
import { isVaultName } from '../../../capture/secrets/vault-format.ts';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Context } from '../../context.ts';
import { readHidden } from '../../input.ts';
import { unlockIfAsked } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { providerOf } from '../../secrets.ts';
import { changed, openForWriting, type WriteOptions } from './record.ts';

export async function set(context: Context, key: string, options: WriteOptions): Promise<void> {
  if (!isVaultName(key)) {
    throw new TallyError(
      'USAGE',
      'the name of a secret is letters, digits, "_", "." and "-", and starts with a letter or "_"',
      {
        hint: 'for example: tally secrets set STRIPE_KEY',
      },
    );
  }
  const opened = await openForWriting(context, options);
  try {
    const { manifest, profile = 'default', providers } = opened;
    const provider = providerOf(context, options);
    const destination = await destinationOf(manifest, profile, key, providers, { provider });
    // First: nobody types a value twice only to be refused.
    destination.requireWritable();
    await unlockIfAsked(context);
    if (context.interactive) await context.stderr.line(`${key} goes to ${safe(destination.address)}`);
    const value = await readHidden(context, {
      what: `the value of ${key}`,
      pipe: `tally secrets set ${key} < file-with-the-value`,
      confirm: true,
      mostBytes: LIMITS.secretMaxBytes + 2,
    });
    try {
      const what = { operation: 'set', key, provider: destination.uri } as const;
      const created = await changed(context, opened, options, what, async () => {
        opened.session()?.recorder?.secrets.set(key, value.toString('utf8'));
        const result = await destination.write(value);
        return { result, found: 'written', provider: destination.uri, ref: destination.ref };
      });
      const short = value.length < LIMITS.secretMinBytes;
      if (options.json === true)
        await context.stdout.line(
          toJson({ key, ...(created === undefined ? {} : { created }), short, provider: destination.uri }),
        );
      else await context.stdout.line(`${created === false ? 'replaced' : 'stored'} ${key}${whose(opened)}`);
      if (short) {
        context.warn(
          `${key} has fewer than ${LIMITS.secretMinBytes} bytes: it is too short to be recognised and taken out of responses and entries`,
        );
      }
    } finally {
      value.fill(0);
    }
  } finally {
    await opened.close();
  }
}

/** Of which project, where there is one. */
export function whose({
  project,
  profile,
}: {
  readonly project: string | undefined;
  readonly profile: string | undefined;
}): string {
  return project === undefined ? '' : ` for ${safe(project)}, profile ${safe(profile ?? 'default')}`;
}
