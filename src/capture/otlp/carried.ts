/** Contents as payloads. The recorder redacts and bounds them; here they are only kept in reach. */
import type { PayloadData } from '../../core/entry.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { cutText } from '../../core/payload/cut.ts';

/** Undefined when there is nothing in it. What is longer than may be handed on is cut, says so, and is then a text. */
export function carried(payloadClass: string, content: JsonObject): PayloadData | undefined {
  const names = Object.keys(content);
  if (names.length === 0) return undefined;
  return carriedValue(payloadClass, content);
}

export function carriedValue(payloadClass: string, value: Json): PayloadData {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const bytes = Buffer.from(text);
  const media_type = typeof value === 'string' ? 'text/plain' : 'application/json';
  if (bytes.length <= LIMITS.otlpPayloadBytes) return { media_type, class: payloadClass, data: text };
  return { media_type: 'text/plain', class: payloadClass, data: cut(bytes), truncated: true };
}

const SPACE: ReadonlySet<number> = new Set([0x20, 0x0a, 0x0d, 0x09, 0x22]);

/**
 * At white space or a quote: half of a secret would be recognised by nobody. What has none for as long as a secret may be, a
 * file in base64, is cut where the room ends: most of it is worth more than nothing, and the recorder leaves out its end.
 */
function cut(bytes: Buffer): string {
  const most = LIMITS.otlpPayloadBytes;
  for (let end = most; end > most - LIMITS.secretMaxBytes; end--)
    if (SPACE.has(bytes[end] ?? 0)) return bytes.toString('utf8', 0, end);
  return Buffer.from(cutText(bytes, most)).toString('utf8');
}
