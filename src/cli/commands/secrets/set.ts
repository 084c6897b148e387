import { isVaultName } from '../../../capture/secrets/vault-format.ts';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Context } from '../../context.ts';
import { readHidden } from '../../input.ts';
import { unlockIfAsked } from '../../operator/prompt.ts';
import { toJson } from '../../output/safe.ts';
import { changeSecret } from './record.ts';

export interface ChangeOptions {
  readonly reason?: string;
  readonly json?: boolean;
}

export async function set(context: Context, key: string, options: ChangeOptions): Promise<void> {
  if (!isVaultName(key)) {
    throw new TallyError(
      'USAGE',
      'the name of a secret is letters, digits, "_", "." and "-", and starts with a letter or "_"',
      {
        hint: 'for example: tally secrets set STRIPE_KEY',
      },
    );
  }
  // First: nobody types a value twice only to be refused.
  await unlockIfAsked(context);
  const value = await readHidden(context, {
    what: `the value of ${key}`,
    pipe: `tally secrets set ${key} < file-with-the-value`,
    confirm: true,
    mostBytes: LIMITS.secretMaxBytes + 2,
  });
  try {
    const { created, short } = await changeSecret(context, {
      operation: 'set',
      key,
      reason: options.reason,
      change: ({ vault }) => vault.set(key, value),
      found: () => 'written',
    });
    if (options.json === true) await context.stdout.line(toJson({ key, created, short }));
    else await context.stdout.line(created ? `stored ${key}` : `replaced ${key}`);
    if (short) {
      context.warn(
        `${key} has fewer than ${LIMITS.secretMinBytes} bytes: it is too short to be recognised and taken out of responses and entries`,
      );
    }
  } finally {
    value.fill(0);
  }
}
