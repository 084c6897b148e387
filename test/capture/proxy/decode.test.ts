import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { PassThrough, pipeline } from 'node:stream';
import { test } from 'node:test';
import {
  brotliCompressSync,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import fc from 'fast-check';
import { codingsOf, decodersFor } from '../../../src/capture/proxy/decode.ts';

async function decode(codings: readonly string[], chunks: readonly Uint8Array[]): Promise<Buffer> {
  const source = new PassThrough();
  const out = new PassThrough();
  const parts: Buffer[] = [];
  out.on('data', (part: Buffer) => parts.push(part));
  const done = new Promise<void>((resolve, reject) =>
    pipeline([source, ...decodersFor(codings), out], (error) => (error ? reject(error) : resolve())),
  );
  for (const chunk of chunks) source.write(chunk);
  source.end();
  await done;
  return Buffer.concat(parts);
}

const pieces = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

const COMPRESS = new Map<string, [string, (bytes: Uint8Array) => Buffer]>([
  ['gzip', ['gzip', gzipSync]],
  ['x-gzip', ['x-gzip', gzipSync]],
  ['deflate', ['deflate', deflateSync]],
  ['raw deflate', ['deflate', deflateRawSync]],
  ['br', ['br', brotliCompressSync]],
  ['zstd', ['zstd', zstdCompressSync]],
]);

for (const [name, [coding, compress]] of COMPRESS) {
  test(`${name} decodes to the same bytes wherever it is cut`, async () => {
    const plain = Buffer.concat([Buffer.from('text '.repeat(2000)), randomBytes(5000)]);
    const packed = compress(plain);
    for (const size of [1, 7, 1000, packed.length])
      assert.ok(plain.equals(await decode([coding], pieces(packed, size))), `pieces of ${size}`);
  });

  test(`${name} that ends early is an error`, async () => {
    const packed = compress(randomBytes(3000));
    for (const kept of [1, 10, 1500, packed.length - 1])
      await assert.rejects(decode([coding], [packed.subarray(0, kept)]), `${kept} bytes kept`);
  });

  test(`bytes after the end of ${name} are an error, not dropped`, async () => {
    const packed = compress(Buffer.from('hello'));
    await assert.rejects(decode([coding], [Buffer.concat([packed, Buffer.from('trailing bytes')])]));
    await assert.rejects(decode([coding], [packed, Buffer.from('trailing bytes')]));
  });

  test(`an empty body with ${name} is empty`, async () => {
    assert.equal((await decode([coding], [])).length, 0);
  });
}

test('every zstd frame is decoded, however the frames are cut into chunks', async () => {
  const frames = ['first ', 'second ', '', 'third'].map((text) => zstdCompressSync(Buffer.from(text)));
  const all = Buffer.concat(frames);
  for (let size = 1; size <= all.length; size++)
    assert.equal(
      (await decode(['zstd'], pieces(all, size))).toString(),
      'first second third',
      `pieces of ${size}`,
    );
});

test('several gzip members are one body', async () => {
  const all = Buffer.concat([gzipSync('one '), gzipSync('two')]);
  assert.equal((await decode(['gzip'], [all])).toString(), 'one two');
});

test('codings are undone in the reverse of their order', async () => {
  const { codings, unknown } = codingsOf('gzip, identity, BR');
  assert.equal(unknown, undefined);
  assert.deepEqual(codings, ['br', 'gzip']);
  assert.equal((await decode(codings, [brotliCompressSync(gzipSync('twice'))])).toString(), 'twice');
});

test('a coding we cannot undo, and too many of them, are named', () => {
  assert.equal(codingsOf('compress').unknown, 'compress');
  assert.equal(codingsOf('gzip, x-own').unknown, 'x-own');
  assert.equal(codingsOf('gzip, gzip, gzip, gzip').unknown, 'gzip, gzip, gzip, gzip');
  assert.deepEqual(codingsOf(undefined), { codings: [] });
  assert.deepEqual(codingsOf('identity'), { codings: [] });
});

test('what the upstream flushed comes out at once', async () => {
  for (const [coding, create] of [
    ['gzip', createGzip],
    ['br', createBrotliCompress],
    ['zstd', createZstdCompress],
  ] as const) {
    const [decoder] = decodersFor([coding]);
    assert.ok(decoder);
    const compressor = create();
    compressor.on('data', (data: Buffer) => decoder.write(data));
    for (const event of ['data: one\n\n', 'data: two\n\n']) {
      const got = new Promise<string>((resolve) =>
        decoder.once('data', (data: Buffer) => resolve(data.toString())),
      );
      compressor.write(event);
      compressor.flush();
      assert.equal(await got, event, coding);
    }
    decoder.destroy();
  }
});

test('hostile bytes end in an error or in bytes, never in a hang', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('gzip', 'deflate', 'br', 'zstd'),
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 4 }),
      async (coding, chunks) => {
        await decode([coding], chunks).catch((error: unknown) => assert.ok(error instanceof Error));
      },
    ),
    { numRuns: 300 },
  );
});
