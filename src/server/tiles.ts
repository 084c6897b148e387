/**
 * The log over HTTP, as C2SP tlog-tiles has it: what `GET <prefix>/…` is answered with. Pure but for the reading: a
 * request line and its headers go in, an answer comes out.
 *
 * Entries are confidential, and a page in a browser of this machine is the likeliest thief: whoever asks has to pass
 * `webRefusal`, and there is no CORS header.
 */
import { isTallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { type RequestHeaders, webRefusal } from '../core/loopback.ts';
import type { LogReader } from '../core/ports.ts';
import { rotationSize } from '../core/tlog/key-history.ts';
import { liveTree } from '../core/tlog/live-tree.ts';
import { encodeNoteSizes, NOTE_SIZES } from '../core/tlog/published.ts';
import { parseTilePath } from '../core/tlog/tile.ts';

export interface TileRequest {
  readonly method: string;
  /** As it came: a path, perhaps with a query. */
  readonly url: string;
  readonly headers: RequestHeaders;
}

export interface TileAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface TileOptions {
  /** The log is served below `/log/<name>/`. */
  readonly name: string;
  readonly reader: LogReader;
  /** Host headers that are answered. */
  readonly hosts: ReadonlySet<string>;
  /** What could not be read; the client is told no particulars. */
  readonly onError: (error: unknown) => void;
}

export type TileHandler = (request: TileRequest) => Promise<TileAnswer>;

/** Only whoever may read the entries is to keep a copy: no shared cache. What a path names never changes. */
const FOR_EVER = 'private, max-age=31536000, immutable';
const NOT_KEPT = 'no-cache';
const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
const encoder = new TextEncoder();

export function tilesPrefix(name: string): string {
  return `/log/${name}`;
}

/** Never rejects. At most `LIMITS.tileRequests` are answered at once, the others at once with 503. */
export function createTileHandler({ name, reader, hosts, onError }: TileOptions): TileHandler {
  const tree = liveTree(reader);
  // "@" may come escaped; nothing else in the name of a log needs to be.
  const prefixes = [tilesPrefix(name), tilesPrefix(encodeURIComponent(name))].map((prefix) => `${prefix}/`);
  let under = 0;

  async function find(path: string): Promise<TileAnswer> {
    const signed = await tree.checkpoint();
    if (path === 'checkpoint')
      return signed === undefined
        ? refusal(404, 'nothing is signed yet')
        : found(signed.note, TEXT, NOT_KEPT);
    const size = signed?.size ?? 0;
    if (path === NOTE_SIZES) return found(encodeNoteSizes(await noteSizes(size)), TEXT, NOT_KEPT);
    const note = rotationSize(path);
    if (note !== undefined && note <= size) return stored(await reader.objects.get(path), TEXT);
    const id = parseTilePath(path);
    if (id === undefined) return refusal(404, 'there is no such file in a log of tiles');
    return stored(id.kind === 'tile' ? await tree.tile(id, size) : await tree.bundle(id, size), BYTES);
  }

  async function noteSizes(most: number): Promise<readonly number[]> {
    const names = await reader.objects.list('keys/');
    return names
      .flatMap((file) => rotationSize(file) ?? [])
      .filter((size) => size <= most)
      .sort((a, b) => a - b);
  }

  async function answer({ method, url, headers }: TileRequest): Promise<TileAnswer> {
    const web = webRefusal(headers, hosts);
    if (web !== undefined) return refusal(403, web);
    if (method !== 'GET' && method !== 'HEAD')
      return refusal(405, 'only GET and HEAD', { Allow: 'GET, HEAD' });
    if (!/^\/[\w@%./-]*$/.test(url))
      return refusal(400, 'a path of a log has no query and no other characters');
    const prefix = prefixes.find((one) => url.startsWith(one));
    if (prefix === undefined) return refusal(404, `this log is at ${tilesPrefix(name)}/checkpoint`);
    if (under >= LIMITS.tileRequests)
      return refusal(503, 'too many requests at once', { 'Retry-After': '1' });
    under++;
    try {
      return await find(url.slice(prefix.length));
    } catch (error) {
      onError(error);
      const damaged = isTallyError(error) && error.exitCode === 6;
      return refusal(500, damaged ? 'this part of the log is damaged' : 'the log could not be read');
    } finally {
      under--;
    }
  }

  return answer;
}

function found(body: Uint8Array, type: string, cache: string): TileAnswer {
  return {
    status: 200,
    headers: {
      'Content-Type': type,
      'Cache-Control': cache,
      'Content-Length': String(body.length),
      'X-Content-Type-Options': 'nosniff',
    },
    body,
  };
}

function stored(body: Uint8Array | undefined, type: string): TileAnswer {
  return body === undefined
    ? refusal(404, 'the newest checkpoint does not reach so far')
    : found(body, type, FOR_EVER);
}

/** Never kept: the tile that is not there now will be. */
export function refusal(
  status: number,
  why: string,
  more: Readonly<Record<string, string>> = {},
): TileAnswer {
  const answer = found(encoder.encode(`${why}\n`), TEXT, 'no-store');
  return { ...answer, status, headers: { ...answer.headers, ...more } };
}
