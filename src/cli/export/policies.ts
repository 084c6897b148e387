/** The policy snapshots that exported entries cite, each read once in a while and judged by its hash. */
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import type { LogReader } from '../../core/ports.ts';
import type { AllowlistSnapshot } from '../../core/view/view.ts';
import { capturedAt, citedSnapshot, domainsOf, readPolicy, type StoredPolicy } from '../snapshot.ts';

export interface CitedPolicies {
  /** Of the decision that the entry carries; undefined when there is none, or it cannot be believed. */
  allowlist(entry: JsonObject): Promise<AllowlistSnapshot | undefined>;
  /** The bytes of what the entry cites, the first time that it is cited. */
  fresh(entry: JsonObject): Promise<{ readonly hash: string; readonly bytes: Uint8Array } | undefined>;
  /** Cited, and gone or altered. */
  readonly missing: readonly string[];
  readonly altered: readonly string[];
}

export function citedPolicies(reader: Pick<LogReader, 'objects'>): CitedPolicies {
  const held = new Map<string, StoredPolicy & { domains?: readonly string[] }>();
  const given = new Set<string>();
  const missing = new Set<string>();
  const altered = new Set<string>();

  async function look(hash: string): Promise<StoredPolicy & { domains?: readonly string[] }> {
    const known = held.get(hash);
    if (known !== undefined) return known;
    const stored = await readPolicy(reader, hash);
    if (stored.status === 'missing') missing.add(hash);
    if (stored.status === 'altered') altered.add(hash);
    const [oldest] = held.keys();
    if (held.size >= LIMITS.exportPolicies && oldest !== undefined) held.delete(oldest);
    const kept = stored.status === 'checked' ? { ...stored, domains: domainsOf(stored.policy) } : stored;
    held.set(hash, kept);
    return kept;
  }

  return {
    async allowlist(entry) {
      const hash = citedSnapshot(entry);
      const { domains } = hash === undefined ? {} : await look(hash);
      return domains === undefined ? undefined : { domains, captured_at: capturedAt(entry) };
    },
    async fresh(entry) {
      const hash = citedSnapshot(entry);
      if (hash === undefined || given.has(hash)) return undefined;
      given.add(hash);
      const stored = await look(hash);
      return stored.status === 'checked' ? { hash, bytes: stored.bytes } : undefined;
    },
    get missing() {
      return [...missing];
    },
    get altered() {
      return [...altered];
    },
  };
}
