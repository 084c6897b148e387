/**
 * The compiled policy as bytes with a name: the snapshot that every decision cites, and back. The bytes are canonical
 * (RFC 8785), so the hash depends on what the policy says and on nothing else.
 */
import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { canonicalize } from '../canonical.ts';
import { TallyError } from '../error.ts';
import { sha256Hex } from '../hash.ts';
import { compileCel } from './cel/compile.ts';
import type { CompiledPolicy, PolicyInForce } from './compiled.ts';
import { provideCel } from './rule-index.ts';
import { CompiledPolicySchema } from './snapshot-schema.ts';

provideCel(compileCel);

export function policyInForce(compiled: CompiledPolicy): PolicyInForce {
  const snapshot = encodeUtf8(canonicalize(compiled));
  const hash = sha256Hex(snapshot);
  return {
    compiled,
    snapshot,
    hash,
    ...(compiled.unreadable === undefined ? {} : { unreadable: compiled.unreadable }),
  };
}

/**
 * A policy from the bytes of its snapshot, for replay. Throws POLICY_INVALID when they are not a snapshot of a format
 * that this version evaluates, or not canonical (their hash would then name other bytes).
 */
export function policyFromSnapshot(bytes: Uint8Array): PolicyInForce {
  const refuse = (why: string, cause?: unknown): TallyError =>
    new TallyError('POLICY_INVALID', `the policy snapshot ${why}`, {
      hint: 'replay it with the version of tally that wrote it',
      cause,
    });
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(bytes) ?? '');
  } catch (error) {
    throw refuse('is not JSON', error);
  }
  const parsed = CompiledPolicySchema.safeParse(value);
  if (!parsed.success) throw refuse('is not of a format that this version evaluates', parsed.error);
  const policy = policyInForce(parsed.data);
  if (policy.hash !== sha256Hex(bytes)) throw refuse('is not in canonical form');
  return policy;
}
