/** The policy that was in force for one decision, out of the snapshots of its log. */
import { sha256Hex } from '../core/hash.ts';
import type { JsonObject } from '../core/json.ts';
import type { LogReader } from '../core/ports.ts';
import { booleanAt, listAt, numberAt, objectIn, textAt } from '../core/query/fields.ts';

export interface ShownSnapshot {
  /** What the decision names. */
  readonly hash: string;
  /** `checked`: the stored bytes have that hash. */
  readonly status: 'checked' | 'altered' | 'missing' | 'unreadable';
  readonly allowlist_snapshot?: { readonly domains: readonly string[]; readonly captured_at: string };
  /** The whole policy document; only when its hash is right. */
  readonly policy?: JsonObject;
}

/** What lies under a hash that a decision names. */
export type StoredPolicy =
  | { readonly status: 'checked'; readonly bytes: Uint8Array; readonly policy: JsonObject }
  | { readonly status: 'altered' | 'missing' | 'unreadable' };

export async function readPolicy(reader: Pick<LogReader, 'objects'>, hash: string): Promise<StoredPolicy> {
  // The hash comes from the log and becomes a file name: nothing but hex may get through.
  if (!isSnapshotHash(hash)) return { status: 'missing' };
  const bytes = await reader.objects.get(snapshotName(hash));
  if (bytes === undefined) return { status: 'missing' };
  if (sha256Hex(bytes) !== hash) return { status: 'altered' };
  const policy = objectIn(bytes);
  return policy === undefined ? { status: 'unreadable' } : { status: 'checked', bytes, policy };
}

export function isSnapshotHash(hash: string): boolean {
  return /^[0-9a-f]{64}$/.test(hash);
}

export function snapshotName(hash: string): string {
  return `policies/${hash}.json`;
}

/** undefined when the entry cites none. */
export function citedSnapshot(entry: JsonObject): string | undefined {
  return textAt(entry, 'decision', 'snapshot', 'hash');
}

/** When it was decided; '' for an entry that does not say it. */
export function capturedAt(entry: JsonObject): string {
  return (
    textAt(entry, 'decision', 'inputs', 'decided_at') ??
    textAt(entry, 'decision', 'snapshot', 'captured_at') ??
    ''
  );
}

/** undefined when the entry carries no decision. */
export async function readSnapshot(reader: LogReader, entry: JsonObject): Promise<ShownSnapshot | undefined> {
  const hash = citedSnapshot(entry);
  if (hash === undefined) return undefined;
  const stored = await readPolicy(reader, hash);
  if (stored.status !== 'checked') return { hash, status: stored.status };
  const { policy } = stored;
  const allowlist_snapshot = { domains: domainsOf(policy), captured_at: capturedAt(entry) };
  return { hash, status: 'checked', allowlist_snapshot, policy };
}

/** The lines of the allowlist as their author would write them. */
export function domainsOf(policy: JsonObject): readonly string[] {
  return listAt(policy, 'allowlist').map((line) => {
    const port = numberAt(line, 'port');
    const marks = ['http', 'internal'].filter((mark) => booleanAt(line, mark) === true);
    for (const part of ['methods', 'paths', 'projects', 'environments']) {
      const names = listAt(line, part);
      if (names.length > 0) marks.push(`${part} ${names.map(String).join(' ')}`);
    }
    return `${textAt(line, 'host') ?? '?'}${port === undefined ? '' : `:${port}`}${marks.map((mark) => ` (${mark})`).join('')}`;
  });
}
