/**
 * Undoes content codings of a response. We ask for identity; some upstreams compress all the same, and a credential
 * cannot be found in compressed bytes.
 *
 * Every decoder fails on input that ends early and on bytes after the end: both would otherwise vanish in silence.
 */
import { type Duplex, Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import { LIMITS } from '../../core/limits.ts';

/** RFC 9659: at most 8 MiB of window in HTTP. Node would take 128 MiB for each response that asks for it. */
const ZSTD = { params: { [constants.ZSTD_d_windowLogMax]: 23 } };

const CODINGS: ReadonlyMap<string, () => Duplex> = new Map([
  ['gzip', () => members(() => createGunzip(), 'many')],
  ['x-gzip', () => members(() => createGunzip(), 'many')],
  ['deflate', () => members(createAnyInflate, 'one')],
  ['br', () => members(() => createBrotliDecompress(), 'one')],
  ['zstd', () => members(() => createZstdDecompress(ZSTD), 'many')],
]);

const PLAIN = { codings: [] };

/** The codings to undo, last applied first; `unknown` names one that we cannot undo. */
export function codingsOf(header: string | undefined): { codings: readonly string[]; unknown?: string } {
  if (header === undefined) return PLAIN;
  const names = header
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
    .reverse();
  const unknown = names.find((name) => !CODINGS.has(name));
  if (unknown !== undefined) return { codings: names, unknown };
  return names.length > LIMITS.contentCodings
    ? { codings: names, unknown: names.join(', ') }
    : { codings: names };
}

/** One stream for each coding, to be piped together in this order. */
export function decodersFor(codings: readonly string[]): readonly Duplex[] {
  return codings.flatMap((name) => {
    const create = CODINGS.get(name);
    return create === undefined ? [] : [create()];
  });
}

interface Decompressor extends Transform {
  /** Compressed bytes taken so far. */
  readonly bytesWritten: number;
}

function trailing(): Error {
  return Object.assign(new Error('bytes after the end of the compressed body'), {
    code: 'TALLY_TRAILING_BYTES',
  });
}

/**
 * Node's decompressors stop at the end of the first frame and drop what follows it in the same chunk, without an error.
 * So each write is watched: when the stream ends instead of asking for more, the rest of the chunk goes to a new one
 * (`many`: zstd frames follow one another, RFC 8878 section 3.1) or is an error (`one`). An empty body is just empty.
 */
function members(create: (first: Buffer) => Decompressor, how: 'one' | 'many'): Duplex {
  let inner: Decompressor | undefined;
  let ended = false;

  const outer = new Transform({
    transform: (chunk: Buffer, _encoding, done) => feed(chunk, done),
    flush(done) {
      if (inner === undefined) return done();
      inner.once('end', () => done());
      inner.end();
    },
    destroy(error, done) {
      inner?.destroy();
      done(error);
    },
  });

  function start(first: Buffer): Decompressor {
    const made = create(first);
    made.on('data', (data: Buffer) => {
      if (!outer.push(data)) made.pause();
    });
    made.on('error', (error) => outer.destroy(error));
    inner = made;
    return made;
  }

  function feed(chunk: Buffer, done: (error?: Error) => void): void {
    if (ended && how === 'one') {
      done(trailing());
      return;
    }
    const current = inner ?? start(chunk);
    const before = current.bytesWritten;
    let settled = false;
    const onEnd = (): void => {
      if (settled) return;
      settled = true;
      ended = true;
      inner = undefined;
      const rest = chunk.subarray(current.bytesWritten - before);
      // Nothing taken would be for ever.
      if (rest.length === chunk.length) done(trailing());
      else if (rest.length > 0) feed(rest, done);
      else done();
    };
    current.once('end', onEnd);
    current.write(chunk, (error) => {
      current.off('end', onEnd);
      if (settled) return;
      settled = true;
      done(error ?? undefined);
    });
  }

  const read = outer._read.bind(outer);
  outer._read = (size) => {
    inner?.resume();
    read(size);
  };
  return outer;
}

/** RFC 9110 says zlib; some servers send raw deflate. The first byte tells: its low bits are 8 for zlib (RFC 1950). */
function createAnyInflate(first: Buffer): Decompressor {
  return ((first[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
}
