/**
 * Puts values exactly where placeholders stand, written as the text around them is, and leaves every other byte as it
 * was. No message quotes a value.
 */
import { decodeUtf8 } from '../../core/bytes.ts';
import { basicPair, type Spot } from './placeholder-find.ts';
import type { WireRequest } from './wire.ts';

/** RFC 9110 section 5.5: visible characters, spaces and tabs inside, no line breaks. */
export const FIELD_VALUE = /^[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?$/;

/** One character a byte. Undefined: the value has bytes that cannot stand there. */
function written(value: Buffer, { writing }: Spot): string | undefined {
  const text = decodeUtf8(value);
  // Bytes that are no text would be echoed in forms that the scrubber does not know.
  if (text === undefined) return undefined;
  switch (writing) {
    case 'plain': {
      const bytes = value.toString('latin1');
      return FIELD_VALUE.test(bytes) ? bytes : undefined;
    }
    case 'percent':
      return encodeURIComponent(text);
    case 'json':
      return Buffer.from(JSON.stringify(text).slice(1, -1)).toString('latin1');
    case 'basic':
      return value.toString('latin1');
  }
}

type Put = { readonly text: string } | { readonly unusable: Spot };

/** `text`: one character a byte. `spots` are of this text. */
function putInto(text: string, spots: readonly Spot[], values: ReadonlyMap<string, Buffer>): Put {
  const pieces: string[] = [];
  let from = 0;
  for (const spot of [...spots].sort((a, b) => a.start - b.start)) {
    const value = values.get(spot.ref);
    const piece = value === undefined ? undefined : written(value, spot);
    if (piece === undefined) return { unusable: spot };
    pieces.push(text.slice(from, spot.start), piece);
    from = spot.end;
  }
  return { text: pieces.join('') + text.slice(from) };
}

/** Which spot of a header it was does not matter to whoever reads the failure. */
function putIntoHeader(value: string, spots: readonly Spot[], values: ReadonlyMap<string, Buffer>): Put {
  const pair = spots[0]?.writing === 'basic' ? basicPair(value) : undefined;
  const put = putInto(pair ?? value, spots, values);
  if ('unusable' in put || pair === undefined) return put;
  return { text: `${value.slice(0, 'basic'.length)} ${Buffer.from(put.text, 'latin1').toString('base64')}` };
}

/** `request`: as the spots were found in it. */
export function putPlaceholders(
  request: WireRequest,
  spots: readonly Spot[],
  values: ReadonlyMap<string, Buffer>,
): { readonly request: WireRequest } | { readonly unusable: Spot } {
  if (spots.length === 0) return { request };
  let { path, body } = request;
  const headers = [...request.headers];
  for (const [at, group] of Map.groupBy(spots, (spot) => spot.at)) {
    if (at === 'body') {
      const put = putInto(body?.toString('latin1') ?? '', group, values);
      if ('unusable' in put) return put;
      body = Buffer.from(put.text, 'latin1');
    } else if (at === 'query') {
      const query = path.indexOf('?');
      const put = putInto(path.slice(query), group, values);
      if ('unusable' in put) return put;
      path = path.slice(0, query) + put.text;
    } else {
      const put = putIntoHeader(headers[at] ?? '', group, values);
      if ('unusable' in put) return put;
      headers[at] = put.text;
    }
  }
  return { request: { path, headers, body } };
}
