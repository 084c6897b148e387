/** Whether a purpose has to be stated, and what counts as one. */
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { RequireReason } from './manifest/types.ts';

const STRICTNESS: readonly RequireReason[] = ['never', 'agents', 'always'];

/** The strictest of what the machine, its setting for the profile, and the project say: none of them can undo another. */
export function strictest(...rules: readonly (RequireReason | undefined)[]): RequireReason {
  const at = rules.map((rule) => (rule === undefined ? 0 : STRICTNESS.indexOf(rule)));
  return STRICTNESS[Math.max(0, ...at)] ?? 'always';
}

/** Blanks are no purpose. Throws USAGE for one that is no sentence any more. */
export function statedReason(text: string | undefined): string | undefined {
  const reason = text?.trim() ?? '';
  if (reason === '') return undefined;
  if (Buffer.byteLength(reason) > LIMITS.reasonBytes)
    throw new TallyError(
      'USAGE',
      `the reason has ${Buffer.byteLength(reason)} bytes, more than ${LIMITS.reasonBytes}`,
      { hint: 'say in a sentence what the secret is for' },
    );
  return reason;
}

export function isReasonMissing(rule: RequireReason, isAgent: boolean, reason: string | undefined): boolean {
  return reason === undefined && (rule === 'always' || (rule === 'agents' && isAgent));
}

export function reasonRequired(rule: RequireReason): TallyError {
  const who = rule === 'always' ? 'every access to these secrets' : 'a coding agent’s access to secrets';
  return new TallyError('STOPPED', `${who} needs a reason, and none was stated`, {
    hint: 'say what it is for: --reason "…", or the variable TALLY_REASON',
    details: { kind: 'reason_required' },
  });
}
