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

export const isLetterOrDigit = (byte: number): boolean =>
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
  return nearEscape(bytes, at);
}

/** Whether an escape may reach up to `at`, or beyond it. */
export function nearEscape(bytes: Uint8Array, at: number): boolean {
  for (let i = at - 1; i >= 0 && i >= at - ESCAPE_BYTES; i--) if (bytes[i] === BACKSLASH) return true;
  return false;
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
const ANY_BYTE: readonly number[] = Array.from({ length: 256 }, (_, byte) => byte);

/** An anchor where one of its pairs was seen: its first byte is `offset` bytes before the pair's first. */
interface Placed {
  readonly anchor: Anchor;
  /** Which anchor, and where of it: tells two of them apart. */
  readonly label: string;
  /** Its bytes, in lower case when case does not matter. */
  readonly bytes: Uint8Array;
  readonly ignoreCase: boolean;
  readonly offset: number;
}

/** Looks for all anchors at every second pair of bytes, so that each anchor has one pair for even and one for odd. */
export interface AnchorTable {
  /** By pair (first byte high): 0, or the id of the anchors that may stand around it. */
  readonly pairs: Uint8Array;
  /** By id (high) and the byte behind the pair: whether it is worth while to ask `confirms`. */
  readonly third: Uint8Array;
  /** True when an anchor of this id stands around the pair that starts at `at`, and is confirmed. */
  readonly confirms: (id: number, bytes: Uint8Array, at: number, end: number) => boolean;
}

export function createAnchorTable(anchors: readonly Anchor[]): AnchorTable {
  const lists = new Map<number, Placed[]>();
  for (const [number, anchor] of anchors.entries()) {
    invariant(
      /^[\x20-\x7e]+$/.test(anchor.text) && !/["\\]/.test(anchor.text),
      'an anchor stands in JSON as it is',
    );
    const ignoreCase = anchor.ignoreCase === true;
    const bytes = Uint8Array.from(anchor.text, (char) => char.charCodeAt(0));
    const lower = ignoreCase ? bytes.map(lowerByte) : bytes;
    const place = rarestPlace(anchor);
    for (const offset of [place, place + 1]) {
      const placed = { anchor, label: `${number}@${offset}`, bytes: lower, ignoreCase, offset };
      for (const pair of pairsAt(bytes, offset, ignoreCase)) {
        const list = lists.get(pair) ?? [];
        lists.set(pair, list);
        list.push(placed);
      }
    }
  }

  const pairs = new Uint8Array(65_536);
  /** Index 0 is "none". Pairs with the same anchors share an id. */
  const byId: (readonly Placed[])[] = [[]];
  const ids = new Map<string, number>();
  for (const [pair, list] of lists) {
    const [first] = list;
    const key =
      list.length === 1 && first !== undefined ? first.label : list.map(({ label }) => label).join();
    const id = ids.get(key) ?? byId.push(list) - 1;
    ids.set(key, id);
    invariant(id < 256, 'the ids of anchors fit into a byte');
    pairs[pair] = id;
  }
  const third = new Uint8Array(byId.length * 256);
  byId.forEach((list, id) => {
    for (const { ignoreCase, bytes, offset } of list) {
      for (const byte of spell(bytes[offset + 2], ignoreCase)) third[(id << 8) | byte] = 1;
    }
  });

  return {
    pairs,
    third,
    confirms(id, bytes, at, end) {
      const list = byId[id] as readonly Placed[];
      for (let i = 0; i < list.length; i++) if (standsAt(list[i] as Placed, bytes, at, end)) return true;
      return false;
    },
  };
}

function standsAt(placed: Placed, text: Uint8Array, at: number, end: number): boolean {
  const { bytes, anchor, ignoreCase } = placed;
  const start = at - placed.offset;
  if (start < 0 || start + bytes.length > end) return false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = text[start + i] as number;
    if (byte !== bytes[i] && !(ignoreCase && lowerByte(byte) === bytes[i])) return false;
  }
  return anchor.confirm === undefined || anchor.confirm(text, start, end);
}

/** Every spelling of one byte; any byte, beyond either end of an anchor. */
function spell(byte: number | undefined, ignoreCase: boolean): readonly number[] {
  if (byte === undefined) return ANY_BYTE;
  return ignoreCase ? [...new Set([lowerByte(byte), upperByte(byte)])] : [byte];
}

function pairsAt(bytes: Uint8Array, offset: number, ignoreCase: boolean): readonly number[] {
  const seconds = spell(bytes[offset + 1], ignoreCase);
  return spell(bytes[offset], ignoreCase).flatMap((first) => seconds.map((second) => (first << 8) | second));
}

/** How often each piece of two and of three characters occurs. */
function piecesOf(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let at = 0; at + 1 < text.length; at++)
    for (const end of [at + 2, at + 3]) {
      const piece = text.slice(at, end);
      counts.set(piece, (counts.get(piece) ?? 0) + 1);
    }
  return counts;
}

const PIECES = piecesOf(TYPICAL);
const PIECES_LOWER = piecesOf(TYPICAL.toLowerCase());

/** Where the two pairs to look for are, each judged with its third byte. Short anchors reach over their edges. */
function rarestPlace({ text, ignoreCase }: Anchor): number {
  if (text.length < 3) return -1;
  const pieces = ignoreCase === true ? PIECES_LOWER : PIECES;
  const times = (from: number, to: number): number => pieces.get(text.slice(from, to)) ?? 0;
  // A pair alone costs a look at the third byte; with it, a call.
  const frequency = (offset: number): number => times(offset, offset + 2) + 8 * times(offset, offset + 3);
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  let here = frequency(0);
  for (let offset = 0; offset + 2 < text.length; offset++) {
    const next = frequency(offset + 1);
    if (here + next < least) {
      least = here + next;
      best = offset;
    }
    here = next;
  }
  return best;
}
