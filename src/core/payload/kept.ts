/** From the data of a payload to the bytes that may be kept: redaction, then the bound. */
import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { LIMITS } from '../limits.ts';
import { parseJson } from '../parse.ts';
import type { Redactor } from '../redact/redact.ts';
import { cutText } from './cut.ts';

/** How often which rule replaced something. */
export interface Replaced {
  readonly count: number;
  readonly rules: Readonly<Record<string, number>>;
}

export interface Kept extends Replaced {
  readonly plain: Uint8Array;
  readonly truncated: boolean;
}

/**
 * For `redacted`. JSON is stored as JSON.stringify writes it: what two readers could take for different things (a member
 * that comes twice, an escaped letter) must not hide a secret. undefined for what is no text, in which nothing can be
 * told from anything.
 */
export function redactPayload(
  data: Uint8Array,
  mediaType: string,
  redactor: Redactor,
  most: number,
): Kept | undefined {
  const text = decodeUtf8(data);
  // With NUL characters it is UTF-16 or binary: no rule would recognise anything in it.
  if (text === undefined || text.includes('\0')) return undefined;
  const value = isJson(mediaType) ? jsonValue(text) : undefined;
  const { value: redacted, count, rules } = redactText(text, value, redactor);
  return { ...bounded(encodeUtf8(redacted), most), count, rules };
}

/** For `full`: the values of known secrets go, in all their encodings; everything else stays as it came. */
export function scrubPayload(data: Uint8Array, redactor: Redactor): Kept {
  const plain = scrub(data, redactor);
  const text = decodeUtf8(data);
  if (text === undefined) return { ...plain, ...boundedBytes(plain.plain, LIMITS.payloadBytes) };
  // Escapes that no encoder needs ("\u0073") would hide a value: then the text is kept without them.
  const open = unescaped(text);
  const again = open === text ? undefined : scrub(encodeUtf8(open), redactor);
  const chosen = again !== undefined && again.count > 0 ? again : plain;
  return { ...chosen, ...bounded(chosen.plain, LIMITS.payloadBytes) };
}

function scrub(data: Uint8Array, redactor: Redactor): Omit<Kept, 'truncated'> {
  const scrubber = redactor.scrubber();
  const parts = [scrubber.push(data), scrubber.flush()];
  const { count, rules } = scrubber.counts;
  return { plain: count === 0 ? data : Buffer.concat(parts), count, rules };
}

function redactText(
  text: string,
  value: { readonly json: unknown } | undefined,
  redactor: Redactor,
): Replaced & { readonly value: string } {
  if (value !== undefined) {
    const walked = redactor.redactValue(value.json);
    return { ...walked, value: JSON.stringify(walked.value) };
  }
  const open = unescaped(text);
  const again = open === text ? undefined : redactor.redactText(open);
  return again !== undefined && again.count > 0 ? again : redactor.redactText(text);
}

function isJson(mediaType: string): boolean {
  return /^[^;]*[/+]json\s*(;|$)/i.test(mediaType);
}

/** undefined when it is no JSON after all, or more than redaction walks: it is then redacted as text. */
function jsonValue(text: string): { readonly json: unknown } | undefined {
  try {
    const json = parseJson(text);
    return isWalkable(json) ? { json } : undefined;
  } catch {
    // Not JSON, whatever its producer called it.
    return undefined;
  }
}

function isWalkable(value: unknown): boolean {
  let nodes = 0;
  const within = (item: unknown, depth: number): boolean => {
    if (++nodes > LIMITS.jsonNodes || depth > LIMITS.jsonDepth) return false;
    if (typeof item !== 'object' || item === null) return true;
    return Object.values(item).every((member) => within(member, depth + 1));
  };
  return within(value, 1);
}

/** Escapes of printable ASCII undone, but for the quote and the backslash, which JSON needs. */
function unescaped(text: string): string {
  if (!text.includes('\\u')) return text;
  return text.replace(/\\(?:u00([2-7][0-9a-fA-F])|[\s\S])/g, (whole, digits: string | undefined) => {
    const code = digits === undefined ? 0 : Number.parseInt(digits, 16);
    return code === 0 || code === 0x22 || code === 0x5c || code === 0x7f ? whole : String.fromCharCode(code);
  });
}

function bounded(plain: Uint8Array, most: number): Pick<Kept, 'plain' | 'truncated'> {
  return { plain: cutText(plain, most), truncated: plain.length > most };
}

function boundedBytes(plain: Uint8Array, most: number): Pick<Kept, 'plain' | 'truncated'> {
  return { plain: plain.subarray(0, most), truncated: plain.length > most };
}
