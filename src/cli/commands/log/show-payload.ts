/** `tally log show --payload`: the payload itself, and nothing else, on standard output. */
import { decodeUtf8, encodeBase64 } from '../../../core/bytes.ts';
import { TallyError } from '../../../core/error.ts';
import type { JsonObject } from '../../../core/json.ts';
import { booleanAt, field, isObject, numberAt, textAt } from '../../../core/query/fields.ts';
import { safe, safeLines, toJsonLine } from '../../output/safe.ts';
import type { Output } from '../../output/stream.ts';
import { type Erasure, type ReadPayload, unreadable } from '../../payloads.ts';
import { block, join, type Line, named } from './show-lines.ts';

/** Into a file or a pipe go the bytes as they were kept; on a terminal nothing in them is obeyed. */
export async function printPayload(read: ReadPayload, stdout: Output): Promise<void> {
  if (read.status !== 'read') throw unreadable(read);
  if (!stdout.isTTY) {
    await stdout.write(read.plain);
    return;
  }
  const text = decodeUtf8(read.plain);
  if (text === undefined || text.includes('\0')) {
    throw new TallyError('USAGE', `this payload is not text (${read.plain.length} bytes)`, {
      hint: 'write it to a file: tally log show ID --payload > FILE',
    });
  }
  await stdout.line(safeLines(text));
}

/** What the entry says of its payload. Nothing of it is checked here. */
export function payloadLines(entry: JsonObject, index: number, erased: Erasure | undefined): Line[] {
  const payload = field(entry, 'payload');
  if (payload === undefined) return [];
  if (!isObject(payload)) return [['payload', toJsonLine(payload)]];
  const pack = textAt(payload, 'pack');
  const place = pack === undefined ? undefined : `${pack} at ${numberAt(payload, 'offset') ?? '?'}`;
  return block('payload', [
    join([
      ...['class', 'media_type'].map((name) => textAt(payload, name)).map((text) => safe(text ?? '?')),
      booleanAt(payload, 'truncated') === true ? 'truncated' : undefined,
    ]),
    ...(pack === undefined
      ? [
          join([
            named('only its hash was kept:', textAt(payload, 'hash')),
            named('by', textAt(payload, 'hash_alg')),
          ]),
        ]
      : [
          join([named('sealed in', place), named('length', numberAt(payload, 'length'))]),
          join([named('key', textAt(payload, 'key_id'))]),
          join([named('commit', textAt(payload, 'commit'))]),
          join([named('sealed hash', textAt(payload, 'cipher_hash'))]),
          erased === undefined
            ? `tally log show ${index} --payload prints it`
            : `erased ${safe(erased.ts)}: entry ${erased.index} says so`,
        ]),
  ]);
}

/** For --json. */
export function payloadJson(read: ReadPayload, entry: JsonObject): JsonObject {
  const labels = {
    media_type: textAt(entry, 'payload', 'media_type'),
    class: textAt(entry, 'payload', 'class'),
  };
  if (read.status !== 'read') {
    const { message, hint } = unreadable(read);
    return { ...read, ...labels, message, hint };
  }
  const text = decodeUtf8(read.plain);
  return {
    status: read.status,
    ...labels,
    truncated: read.truncated,
    bytes: read.plain.length,
    ...(text === undefined ? { base64: encodeBase64(read.plain) } : { text }),
  };
}
