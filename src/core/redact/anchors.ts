/**
 * Anchors: short pieces of text, one of which stands in everything that a rule would replace. The gate looks for all of
 * them in one pass over the serialised entry.
 */
import { invariant } from '../error.ts';

/**
 * A piece of text that every match of its rule contains. Only printable ASCII without `"` and `\`: these stand in JSON
 * text as they are.
 */
export interface Anchor {
  readonly text: string;
  readonly ignoreCase?: true;
  /**
   * A cheap second look at the JSON text: `at` is where the anchor starts. May say yes too often, never no too often;
   * what stands before the anchor may be an escape (`\n`), so it must not be taken for a letter.
   */
  readonly confirm?: (bytes: Uint8Array, at: number, end: number) => boolean;
}

const isLetterOrDigit = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);

export const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** The longest JSON escape, \\u0000. */
const ESCAPE_BYTES = 6;
const BACKSLASH = 0x5c;

/**
 * Whether the text before `at` may end in something other than a letter or digit once its escapes are undone: the n of
 * `\\n4111` is no letter.
 */
export function afterBoundary(bytes: Uint8Array, at: number): boolean {
  if (at === 0 || !isLetterOrDigit(bytes[at - 1] ?? 0)) return true;
  for (let i = at - 1; i >= 0 && i >= at - ESCAPE_BYTES; i--) if (bytes[i] === BACKSLASH) return true;
  return false;
}

interface Placed {
  readonly anchor: Anchor;
  readonly lower: Uint8Array;
  /** Where in the anchor its looked-for pair starts. */
  readonly offset: number;
}

/** A table over pairs of bytes: 0, or 1 + the index of the anchors that have this pair at their chosen place. */
export interface AnchorTable {
  readonly pairs: Uint8Array;
  /** True when an anchor of list `id` stands around the pair that ENDS at `at`, and is confirmed. */
  readonly confirms: (id: number, bytes: Uint8Array, at: number, end: number) => boolean;
}

/**
 * How often pairs of bytes occur, roughly: what entries and English look like. Each anchor is looked for by its rarest
 * pair. A wrong guess costs time, not correctness.
 */
const TYPICAL = `{"action":{"args_hash":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","args_hash_alg":
"hmac-sha256:k1","key":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","name":"refund.create","target":{"host":"api.example.com","method"
:"POST","path":"/v1/refunds","scheme":"https"}},"actor":{"agent_id":"billing-tool","agent_token_id":"agt_01JD2M8Q6Z5V3T9K7W
4X1Y0ABC","identity_level":"issued","user":{"id":"u_17"}},"credentials":[{"injection_style":"bearer","ref":"STRIPE_KEY"}],
"decision":{"inputs":{},"layers":[{"layer":"allowlist","result":"pass"}],"outcome":"allow","policy":{"hash":""},"snapshot":
{"captured_at":""}},"environment":"production","id":"log_","index":1,"outcome":{"bytes_in":512,"bytes_out":2048,"duration_ms
":142.5,"result_hash":"","status":"ok","status_code":200,"usage":{"input_tokens":1,"output_tokens":2}},"parent_id":"log_",
"phase":"post_exec","prev":"","project_id":"web","run_id":"run_","session_id":"","source":{"assurance":"enforced",
"recorder_id":"rec_","recorder_version":"0.1.0","seq":4711,"surface":"proxy"},"step_id":"step_12","tenant_id":"local","ts":
"2026-11-20T10:11:12.123Z","type":"http.call","v":1} the user asked for a refund of this order and it was then sent to them`;

const lowerByte = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte);
const upperByte = (byte: number): number => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);

/** Both cases of a byte, or just it. */
function cases(byte: number, ignoreCase: boolean): readonly number[] {
  return ignoreCase ? [...new Set([lowerByte(byte), upperByte(byte)])] : [byte];
}

export function createAnchorTable(anchors: readonly Anchor[]): AnchorTable {
  const frequency = new Uint16Array(65_536);
  for (let i = 1; i < TYPICAL.length; i++) {
    const pair = (TYPICAL.charCodeAt(i - 1) << 8) | TYPICAL.charCodeAt(i);
    frequency[pair] = (frequency[pair] ?? 0) + 1;
  }
  const pairs = new Uint8Array(65_536);
  /** Index 0 is "none". Pairs with the same anchors share a list. */
  const lists: Placed[][] = [[]];
  const listOf = new Map<number, Placed[]>();

  for (const anchor of anchors) {
    const ignoreCase = anchor.ignoreCase === true;
    const bytes = Uint8Array.from(anchor.text, (char) => char.charCodeAt(0));
    invariant(
      /^[\x20-\x7e]+$/.test(anchor.text) && !/["\\]/.test(anchor.text),
      'an anchor stands in JSON as it is',
    );
    const lower = ignoreCase ? bytes.map(lowerByte) : bytes;
    for (const [first, second, offset] of rarestPair(bytes, ignoreCase, frequency)) {
      const pair = (first << 8) | second;
      const list = listOf.get(pair) ?? [];
      listOf.set(pair, list);
      list.push({ anchor, lower, offset });
    }
  }
  const seen = new Map<string, number>();
  for (const [pair, list] of listOf) {
    const key = list
      .map((placed) => `${placed.anchor.text}/${placed.offset}/${anchors.indexOf(placed.anchor)}`)
      .join();
    let id = seen.get(key);
    if (id === undefined) {
      id = lists.push(list) - 1;
      seen.set(key, id);
    }
    invariant(id < 256, 'the ids of anchor lists fit into a byte');
    pairs[pair] = id;
  }

  function standsAt(placed: Placed, bytes: Uint8Array, start: number, end: number): boolean {
    const { lower, anchor } = placed;
    if (start < 0 || start + lower.length > end) return false;
    for (let i = 0; i < lower.length; i++) {
      const byte = bytes[start + i] ?? 0;
      if (byte !== lower[i] && (anchor.ignoreCase !== true || lowerByte(byte) !== lower[i])) return false;
    }
    return anchor.confirm === undefined || anchor.confirm(bytes, start, end);
  }

  return {
    pairs,
    confirms(id, bytes, at, end) {
      const list = lists[id] ?? [];
      for (const placed of list) if (standsAt(placed, bytes, at - placed.offset, end)) return true;
      return false;
    },
  };
}

/**
 * The pairs to look for: every spelling of the rarest two neighbours, with the offset of the second one. An anchor of
 * one byte is looked for behind every byte.
 */
function rarestPair(
  bytes: Uint8Array,
  ignoreCase: boolean,
  frequency: Uint16Array,
): readonly (readonly [first: number, second: number, offset: number])[] {
  if (bytes.length === 1)
    return Array.from({ length: 256 }, (_, first) => [first, bytes[0] ?? 0, 0] as const);
  let best: (readonly [number, number, number])[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (let i = 1; i < bytes.length; i++) {
    const spellings = cases(bytes[i - 1] ?? 0, ignoreCase).flatMap((first) =>
      cases(bytes[i] ?? 0, ignoreCase).map((second) => [first, second, i] as const),
    );
    const seen = spellings.reduce((sum, [first, second]) => sum + (frequency[(first << 8) | second] ?? 0), 0);
    if (seen < least) {
      least = seen;
      best = spellings;
    }
  }
  return best;
}
