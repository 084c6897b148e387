/** A change of the vault with its two entries: one durable before anything changes, one that says how it went. */
import type { SecretAccess } from '../../../core/entry.ts';
import { isTallyError } from '../../../core/error.ts';
import type { Session } from '../../../open.ts';
import type { Context } from '../../context.ts';
import { unlockIfAsked } from '../../operator/prompt.ts';

export interface SecretChange<T> {
  readonly operation: 'set' | 'delete';
  readonly key: string;
  readonly reason?: string | undefined;
  change(session: Session): Promise<T>;
  /** How it went, as the entry says it. */
  found(result: T): NonNullable<SecretAccess['found']>;
}

const PROVIDER = 'vault';

/** No entry, no change: when the first one cannot be made durable this rejects and the vault is as it was. */
export async function changeSecret<T>(context: Context, what: SecretChange<T>): Promise<T> {
  await unlockIfAsked(context);
  const session = await context.openSession({ client: await context.client('secrets') });
  try {
    const { key, operation, reason } = what;
    const common = {
      type: 'secret.access',
      action: { name: `secret.${operation}` },
      secret: { key, operation, provider: PROVIDER },
      ...(reason === undefined ? {} : { reason }),
    };
    // Refused, and recorded as that, inside a run, under an agent and behind a passphrase that was not given.
    const before = await session.ask('secret.change', {
      key,
      operation,
      ...(reason === undefined ? {} : { reason }),
    });
    const started = performance.now();
    const after = (
      found: NonNullable<SecretAccess['found']>,
      outcome: { status: 'ok' | 'error'; error_kind?: string },
    ) =>
      session.ask('record', {
        event: {
          ...common,
          phase: 'post_exec',
          parent_id: before.id,
          secret: { ...common.secret, found },
          outcome: { ...outcome, duration_ms: Math.round(performance.now() - started) },
        },
      });
    let result: T;
    try {
      result = await what.change(session);
    } catch (error) {
      await after('error', { status: 'error', error_kind: isTallyError(error) ? error.code : 'INTERNAL' });
      throw error;
    }
    await after(what.found(result), { status: 'ok' });
    return result;
  } finally {
    await session.close();
  }
}
