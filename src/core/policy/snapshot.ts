/**
 * The compiled policy as bytes with a name: the snapshot that every decision cites, and back. The bytes are canonical
 * (RFC 8785), so the hash depends on what the policy says and on nothing else.
 */
import { z } from 'zod';
import { AlertPolicySchema } from '../alert/snapshot.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { canonicalize } from '../canonical.ts';
import { INJECTION_STYLES } from '../entry.ts';
import { TallyError } from '../error.ts';
import { sha256Hex } from '../hash.ts';
import type { CompiledPolicy, PolicyInForce } from './compiled.ts';

const issued = z.literal('issued').exactOptional();
const verdict = z.enum(['allow', 'stop']);

/** Strict on purpose: a snapshot of a newer format must not be replayed with half of its meaning. */
const CompiledPolicySchema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  version: z.string(),
  source_hash: z.string().regex(/^[0-9a-f]{64}$/),
  mode: z.enum(['enforce', 'observe']),
  identity: z.strictObject({ anonymous: verdict, declared: verdict }),
  allowlist: z.array(
    z.strictObject({
      host: z.string(),
      port: z.int().min(1).max(65_535).exactOptional(),
      http: z.boolean().exactOptional(),
      internal: z.boolean().exactOptional(),
    }),
  ),
  credentials: z.record(
    z.string(),
    z.strictObject({
      hosts: z.array(z.string()).exactOptional(),
      agents: z.array(z.string()).exactOptional(),
      styles: z.array(z.enum(INJECTION_STYLES)).exactOptional(),
      methods: z.record(z.string(), verdict).exactOptional(),
      requires: issued,
    }),
  ),
  agents: z.record(z.string(), z.strictObject({ requires: issued })),
  alerts: AlertPolicySchema.exactOptional(),
  unreadable: z.string().exactOptional(),
});

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
