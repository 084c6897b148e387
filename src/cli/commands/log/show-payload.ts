/** `tally log show --payload`: the payload itself, and nothing else, on standard output. */
import { decodeUtf8, encodeBase64 } from '../../../core/bytes.ts';
import { TallyError } from '../../../core/error.ts';
import type { JsonObject } from '../../../core/json.ts';
import { textAt } from '../../../core/query/fields.ts';
import { safeLines } from '../../output/safe.ts';
import type { Output } from '../../output/stream.ts';
import { type ReadPayload, unreadable } from '../../payloads.ts';

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
