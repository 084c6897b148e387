/** The policy that was in force for one decision, out of the snapshots of its log. */
import { decodeUtf8 } from '../core/bytes.ts';
import { sha256Hex } from '../core/hash.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { LogReader } from '../core/ports.ts';
import { booleanAt, isObject, listAt, numberAt, textAt } from '../core/query/fields.ts';

export interface ShownSnapshot {
  /** What the decision names. */
  readonly hash: string;
  /** `checked`: the stored bytes have that hash. */
  readonly status: 'checked' | 'altered' | 'missing' | 'unreadable';
  readonly allowlist_snapshot?: { readonly domains: readonly string[]; readonly captured_at: string };
  /** The whole policy document; only when its hash is right. */
  readonly policy?: JsonObject;
}

/** undefined when the entry carries no decision. */
export async function readSnapshot(reader: LogReader, entry: JsonObject): Promise<ShownSnapshot | undefined> {
  const hash = textAt(entry, 'decision', 'snapshot', 'hash');
  if (hash === undefined) return undefined;
  // The hash comes from the log and becomes a file name: nothing but hex may get through.
  if (!/^[0-9a-f]{64}$/.test(hash)) return { hash, status: 'missing' };
  const bytes = await reader.objects.get(`policies/${hash}.json`);
  if (bytes === undefined) return { hash, status: 'missing' };
  if (sha256Hex(bytes) !== hash) return { hash, status: 'altered' };
  const policy = parse(bytes);
  if (policy === undefined) return { hash, status: 'unreadable' };
  const captured_at =
    textAt(entry, 'decision', 'inputs', 'decided_at') ??
    textAt(entry, 'decision', 'snapshot', 'captured_at') ??
    '';
  return { hash, status: 'checked', allowlist_snapshot: { domains: domainsOf(policy), captured_at }, policy };
}

function parse(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value = JSON.parse(decodeUtf8(bytes) ?? '') as Json;
    return isObject(value) ? value : undefined;
  } catch {
    // Not JSON: told as unreadable.
    return undefined;
  }
}

/** The lines of the allowlist as their author would write them. */
function domainsOf(policy: JsonObject): readonly string[] {
  return listAt(policy, 'allowlist').map((line) => {
    const port = numberAt(line, 'port');
    const marks = ['http', 'internal'].filter((mark) => booleanAt(line, mark) === true);
    return `${textAt(line, 'host') ?? '?'}${port === undefined ? '' : `:${port}`}${marks.map((mark) => ` (${mark})`).join('')}`;
  });
}
