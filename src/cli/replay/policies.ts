/** The policies that decisions cite, compiled out of their snapshots, each read once in a while. */
import { isTallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { PolicyInForce } from '../../core/policy/compiled.ts';
import { policyFromSnapshot } from '../../core/policy/snapshot.ts';
import type { LogReader } from '../../core/ports.ts';
import { readPolicy } from '../snapshot.ts';

/** `format`: of a format that this version does not evaluate. */
export type Cited =
  | { readonly policy: PolicyInForce }
  | { readonly fault: 'missing' | 'altered' | 'unreadable' | 'format' };

export interface SnapshotPolicies {
  /** At once when it is at hand. */
  get(hash: string): Cited | Promise<Cited>;
  /** Hashes by what is wrong with them. */
  readonly faults: ReadonlyMap<string, Exclude<Cited, { policy: unknown }>['fault']>;
}

export function snapshotPolicies(reader: Pick<LogReader, 'objects'>): SnapshotPolicies {
  const held = new Map<string, Cited>();
  const faults = new Map<string, Exclude<Cited, { policy: unknown }>['fault']>();

  async function read(hash: string): Promise<Cited> {
    const stored = await readPolicy(reader, hash);
    const cited = stored.status === 'checked' ? compiled(stored.bytes) : { fault: stored.status };
    if ('fault' in cited && faults.size < LIMITS.replayProblems) faults.set(hash, cited.fault);
    const [oldest] = held.keys();
    if (held.size >= LIMITS.exportPolicies && oldest !== undefined) held.delete(oldest);
    held.set(hash, cited);
    return cited;
  }

  return { get: (hash) => held.get(hash) ?? read(hash), faults };
}

function compiled(bytes: Uint8Array): Cited {
  try {
    return { policy: policyFromSnapshot(bytes) };
  } catch (error) {
    if (isTallyError(error)) return { fault: 'format' };
    throw error;
  }
}
