/**
 * Fullmakt's chained audit record: one a call, each with the hash of the one before it. spec/views.md section 6.
 *
 *     prevHash    chainHash of the record before; 64 zeros in the first
 *     chainHash   lower-case hex of SHA-256 over the RFC 8785 text of the record without `chainHash`
 *
 * The chain is over what was exported, in its order. Whoever can write the file can make another one: it shows accidents,
 * and edits by those who did not think of it. What holds against the others is the log's own proof (tally log prove).
 */
import { canonicalize } from '../canonical.ts';
import { isTallyError } from '../error.ts';
import { sha256Hex } from '../hash.ts';
import type { Json, JsonObject } from '../json.ts';
import { textAt } from '../query/fields.ts';
import { actorOf, errorOf, number, ofCall, ofCredentials, ofEnd, text } from './parts.ts';
import { type ChainedView, orNull, type ViewInput } from './view.ts';

export const FIRST_PREV_HASH = '0'.repeat(64);

/** Actions of an agent on something outside of it. */
// biome-ignore format: a list
const CALLS: ReadonlySet<string> = new Set(['http.call', 'tool.call', 'model.call', 'retrieval.query', 'secret.access']);

function record(call: ViewInput): JsonObject {
  return {
    principal: orNull(actorOf(call)),
    on_behalf_of: orNull(ofCall(call, text('actor', 'on_behalf_of', 'id'))),
    method: orNull(
      ofCall(call, text('action', 'target', 'method')) ??
        ofCall(call, text('action', 'tool', 'name')) ??
        ofCall(call, text('action', 'name')),
    ),
    host: orNull(ofCall(call, text('action', 'target', 'host'))),
    args_hash: orNull(ofCall(call, text('action', 'args_hash'))),
    timestamp: orNull(textAt(call.first, 'ts')),
    latency_ms: orNull(ofEnd(call, number('outcome', 'duration_ms'))),
    decision: orNull(ofCall(call, text('decision', 'outcome'))),
    credential_ref: orNull(ofCredentials(call, 'ref')),
    status: orNull<Json>(
      ofEnd(call, number('outcome', 'status_code')) ?? ofEnd(call, text('outcome', 'status')),
    ),
    error: orNull(errorOf(call)),
  };
}

/** `content`: a record without `chainHash`. Throws `BAD_EVENT` for a value that has no canonical form. */
function chainHash(content: JsonObject): string {
  return sha256Hex(canonicalize(content));
}

export interface ChainVerdict {
  readonly records: number;
  /** The first record that the chain does not hold at, counted from 0, and why. */
  readonly broken?: { readonly record: number; readonly why: string };
}

/** Checks records as they were exported, one after the other; tells the first that does not hold. */
export function createChainCheck(): { see(record: JsonObject): void; verdict(): ChainVerdict } {
  let prev = FIRST_PREV_HASH;
  let records = 0;
  let broken: ChainVerdict['broken'];

  function problem(record: JsonObject): string | undefined {
    if (textAt(record, 'prevHash') !== prev)
      return records === 0
        ? 'prevHash of the first record is not 64 zeros'
        : 'prevHash is not the chainHash of the record before';
    const { chainHash: claimed, ...content } = record;
    try {
      return chainHash(content) === claimed ? undefined : 'chainHash is not the hash of the record';
    } catch (error) {
      if (isTallyError(error)) return 'the record has no canonical form';
      throw error;
    }
  }

  return {
    see(record) {
      const why = broken === undefined ? problem(record) : undefined;
      if (why !== undefined) broken = { record: records, why };
      prev = textAt(record, 'chainHash') ?? '';
      records++;
    },
    verdict: () => ({ records, ...(broken === undefined ? {} : { broken }) }),
  };
}

export const fullmakt: ChainedView = {
  // biome-ignore format: the order of the format
  fields: [
    'principal', 'on_behalf_of', 'method', 'host', 'args_hash', 'timestamp', 'latency_ms', 'decision',
    'credential_ref', 'status', 'error', 'prevHash', 'chainHash',
  ],
  perCall: true,
  wantsAllowlist: false,
  records: (call) => (CALLS.has(textAt(call.first, 'type') ?? '') ? [record(call)] : []),
  chain() {
    let prev = FIRST_PREV_HASH;
    return (content) => {
      const linked = { ...content, prevHash: prev };
      prev = chainHash(linked);
      return { ...linked, chainHash: prev };
    };
  },
};
