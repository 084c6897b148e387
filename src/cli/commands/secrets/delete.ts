import { destinationOf } from '../../../capture/secrets/destination.ts';
import { TallyError } from '../../../core/error.ts';
import { didYouMean } from '../../../core/policy/suggest.ts';
import type { Context } from '../../context.ts';
import { unlockIfAsked } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { providerOf } from '../../secrets.ts';
import { changed, openForWriting, type WriteOptions } from './record.ts';
import { whose } from './set.ts';

/** From where it would be written, and from nowhere else. */
export async function remove(context: Context, key: string, options: WriteOptions): Promise<void> {
  const opened = await openForWriting(context, options);
  try {
    const { manifest, profile = 'default', providers } = opened;
    const provider = providerOf(context, options);
    const destination = await destinationOf(manifest, profile, key, providers, { provider });
    await unlockIfAsked(context);
    let names: readonly string[] = [];
    const what = { operation: 'delete', key, provider: destination.uri } as const;
    const deleted = await changed(context, opened, options, what, async () => {
      const result = await destination.remove();
      if (!result) names = await destination.names();
      return {
        result,
        found: result ? 'deleted' : 'missing',
        provider: destination.uri,
        ref: destination.ref,
      };
    });
    if (!deleted) {
      const guess = didYouMean(key, names);
      throw new TallyError('SECRET_NOT_FOUND', `there is no secret ${safe(key)}${whose(opened)}`, {
        hint: guess === undefined ? 'tally secrets list shows what there is' : `did you mean ${guess}?`,
      });
    }
    if (options.json === true)
      await context.stdout.line(toJson({ key, deleted: true, provider: destination.uri }));
    else await context.stdout.line(`deleted ${key}${whose(opened)}`);
  } finally {
    await opened.close();
  }
}
