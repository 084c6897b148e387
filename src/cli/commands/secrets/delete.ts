import { TallyError } from '../../../core/error.ts';
import { didYouMean } from '../../../core/policy/suggest.ts';
import type { Context } from '../../context.ts';
import { safe, toJson } from '../../output/safe.ts';
import { changeSecret } from './record.ts';
import type { ChangeOptions } from './set.ts';

export async function remove(context: Context, key: string, options: ChangeOptions): Promise<void> {
  let names: readonly string[] = [];
  const deleted = await changeSecret(context, {
    operation: 'delete',
    key,
    reason: options.reason,
    change: async ({ vault }) => {
      names = vault.list();
      return vault.delete(key);
    },
    found: (gone) => (gone ? 'deleted' : 'missing'),
  });
  if (!deleted) {
    const guess = didYouMean(key, names);
    throw new TallyError('SECRET_NOT_FOUND', `there is no secret ${safe(key)}`, {
      hint: guess === undefined ? 'tally secrets list shows what there is' : `did you mean ${guess}?`,
    });
  }
  if (options.json === true) await context.stdout.line(toJson({ key, deleted: true }));
  else await context.stdout.line(`deleted ${key}`);
}
