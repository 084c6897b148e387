/** What a hook brings that belongs into a payload. The recorder redacts and bounds it; here it is only kept in reach. */
import type { PayloadData } from '../../core/entry.ts';
import type { Json } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';

export interface Carried {
  readonly payload?: PayloadData;
  /** It was longer than may be handed on: cut, and no JSON any more. */
  readonly cut?: true;
}

export function carriedText(payloadClass: string, text: string | undefined): Carried {
  if (text === undefined || text === '') return {};
  const data = within(text.toWellFormed());
  return {
    payload: { media_type: 'text/plain', class: payloadClass, data },
    ...(data.length < text.length ? { cut: true } : {}),
  };
}

/** A text stays text; anything else is JSON. */
export function carriedValue(payloadClass: string, value: Json | undefined): Carried {
  if (value === undefined || value === null) return {};
  if (typeof value === 'string') return carriedText(payloadClass, value);
  const text = JSON.stringify(value);
  if (Buffer.byteLength(text) > LIMITS.hookPayloadBytes) return carriedText(payloadClass, text);
  return { payload: { media_type: 'application/json', class: payloadClass, data: text } };
}

/** At most so many bytes of UTF-8, never half a character. */
function within(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= LIMITS.hookPayloadBytes) return text;
  let end = LIMITS.hookPayloadBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
