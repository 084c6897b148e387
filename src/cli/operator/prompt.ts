import { isTallyError } from '../../core/error.ts';
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
  await operator.unlock(await askPassphrase(context));
}

/** The one that is set. */
export async function askPassphrase(context: Context): Promise<string> {
  const passphrase = await readHidden(context, {
    ...PASSPHRASE,
    what: 'the operator passphrase',
    pipe: 'tally operator unlock < passphrase-file',
  });
  return passphrase.toString('utf8');
}

const TRIES = 5;

/**
 * One request that only the operator may make. Made again when the recorder was another command that ended before it
 * answered: such requests may be made twice, they change nothing the second time but leave another entry.
 */
export async function asOperator<T>(context: Context, request: (ask: Ask) => Promise<T>): Promise<T> {
  await unlockIfAsked(context);
  for (let left = TRIES - 1; ; left--) {
    const session = await context.openSession();
    try {
      return await request(session.ask);
    } catch (error) {
      const lost = isTallyError(error) && error.code === 'RECORDER_UNAVAILABLE';
      if (!lost || left === 0) throw error;
    } finally {
      await session.close();
    }
  }
}
