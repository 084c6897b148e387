/**
 * Finds the placeholders of one request, wherever a program may have put what it took for a credential: headers (inside
 * the base64 of Basic too), the query, and the fields and strings of a form or JSON body. Nothing is changed here; the
 * places are exact, so that whatever is put there leaves every other byte of the request as it was.
 *
 * What is said in a conversation is no place: a model is told of the placeholder that its agent has just read in the
 * environment, with every further call. There it stays as it is, and the call goes on.
 */
import { decodeUtf8 } from '../../core/bytes.ts';
import { PLACEHOLDER_PREFIX, placeholdersIn, type Writing } from './placeholder.ts';
import { saidIn } from './placeholder-said.ts';

export interface Spot {
  readonly ref: string;
  readonly nonce: string;
  /** Of the query with its "?", of the body, or of the header value at this index of the headers. */
  readonly at: 'query' | 'body' | number;
  /** Bytes, before anything is put anywhere. In Basic: of the decoded user and password. */
  readonly start: number;
  readonly end: number;
  readonly writing: Writing | 'basic';
  readonly style: 'bearer' | 'basic' | 'header' | 'query' | 'form' | 'body';
  /** The header in lower case; empty elsewhere. */
  readonly name: string;
}

const BEARER = /^bearer +/i;
const BASIC = /^basic +([A-Za-z0-9+/_=-]+) *$/i;

/** User and password of Basic, one character a byte; undefined when the value is none. */
export function basicPair(value: string): string | undefined {
  const encoded = BASIC.exec(value)?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('latin1');
}

/** `headers`: name, value, name, value… `search`: empty, or with its "?". */
export function spotsInHead(headers: readonly string[], search: string): readonly Spot[] {
  const spots: Spot[] = [];
  for (let at = 1; at < headers.length; at += 2) {
    const value = headers[at] as string;
    const name = (headers[at - 1] as string).toLowerCase();
    const authorization = name === 'authorization';
    const pair = authorization ? basicPair(value) : undefined;
    const style = pair !== undefined ? 'basic' : authorization && BEARER.test(value) ? 'bearer' : 'header';
    for (const { escaped, ...found } of placeholdersIn(
      pair ?? value,
      pair === undefined ? 'percent' : 'plain',
    ))
      spots.push({
        ...found,
        at,
        // As the program would have written the value itself: only what it escaped is escaped.
        writing: pair !== undefined ? 'basic' : escaped ? 'percent' : 'plain',
        style,
        name,
      });
  }
  for (const { escaped: _, ...found } of placeholdersIn(search, 'percent'))
    spots.push({ ...found, at: 'query', writing: 'percent', style: 'query', name: '' });
  return spots;
}

export interface BodySpots {
  readonly spots: readonly Spot[];
  /** Credentials that are only spoken of: their placeholders stay. */
  readonly said: readonly string[];
  /** There are placeholders, and the body cannot be read. */
  readonly problem?: string;
}

const NONE: BodySpots = { spots: [], said: [] };
/** No serialiser escapes these letters, but somebody who wants to be missed might. */
const ESCAPED: { readonly [T in 'json' | 'form']: Buffer } = {
  json: Buffer.from('\\u00'),
  form: Buffer.from('%'),
};

/** `bytes`: of a body that was read whole. `said`: what its type says; `curl -d` calls JSON a form, so it is looked at. */
export function spotsInBody(bytes: Buffer, said: 'json' | 'form'): BodySpots {
  if (!bytes.includes(PLACEHOLDER_PREFIX) && !bytes.includes(ESCAPED[said])) return NONE;
  const type =
    said === 'form' && OBJECT.test(bytes.toString('latin1', 0, BEGINNING)) && isJson(bytes) ? 'json' : said;
  const text = bytes.toString('latin1');
  const writing = type === 'json' ? 'json' : 'percent';
  const style = type === 'json' ? 'body' : 'form';
  const spots: Spot[] = [];
  for (const { escaped: _, ...found } of placeholdersIn(text, writing))
    spots.push({ ...found, at: 'body', writing, style, name: '' });
  if (spots.length === 0 || type === 'form') return { spots, said: [] };
  if (!isJson(bytes))
    return {
      spots,
      said: [],
      problem: 'a placeholder stands in a body that is no JSON, whatever its type says',
    };
  const isSaid = saidIn(text);
  const { spoken, meant } = Object.groupBy(spots, ({ start }) => (isSaid(start) ? 'spoken' : 'meant'));
  return { spots: meant ?? [], said: [...new Set((spoken ?? []).map(({ ref }) => ref))] };
}

const BEGINNING = 64;
const OBJECT = /^[ \t\r\n]*[[{]/;

function isJson(bytes: Buffer): boolean {
  const text = decodeUtf8(bytes);
  if (text === undefined) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
