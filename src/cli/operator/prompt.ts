import { LIMITS } from '../../core/limits.ts';
import type { Ask } from '../../recorder/ops.ts';
import type { Context } from '../context.ts';
import { readHidden } from '../input.ts';
import { openOperator } from '../operator.ts';

export const PASSPHRASE = { mostBytes: LIMITS.passphraseMaxBytes, confirm: false } as const;

/**
 * Before a request that only the operator may make: asks for the passphrase when one is set, it is locked in this
 * terminal, and a person can answer. In every other case the writer answers: it refuses, and records that it did.
 */
export async function unlockIfAsked(context: Context): Promise<void> {
  const refusedAnyway = context.agent !== undefined || context.env.TALLY_RUN_TOKEN !== undefined;
  if (!context.interactive || refusedAnyway) return;
  const operator = openOperator(context.paths);
  if (operator.state().kind !== 'locked') return;
  const passphrase = await readHidden(context, {
    ...PASSPHRASE,
    what: 'the operator passphrase',
    pipe: 'tally operator unlock < passphrase-file',
  });
  await operator.unlock(passphrase.toString('utf8'));
}

/** One request that only the operator may make. */
export async function asOperator<T>(context: Context, request: (ask: Ask) => Promise<T>): Promise<T> {
  await unlockIfAsked(context);
  const session = await context.openSession();
  try {
    return await request(session.ask);
  } finally {
    await session.close();
  }
}
