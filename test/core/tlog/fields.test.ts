import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { GENESIS_PREV } from '../../../src/core/entry.ts';
import {
  type ChainFields,
  createFieldScanner,
  PREV_CHARS,
  scanFields,
} from '../../../src/core/tlog/fields.ts';
import { createKernel, KERNEL_SLACK, KERNEL_START } from '../../../src/core/wasm/kernel.ts';

const PREV = `${'b'.repeat(43)}=`;

/** The line in a memory of its own, with the kernel's way of counting brackets and without. */
function scanners(text: string): readonly (() => ChainFields | undefined)[] {
  const line = encodeUtf8(text);
  const end = KERNEL_START + line.length;
  const kernel = createKernel(end + KERNEL_SLACK);
  assert.ok(kernel !== undefined);
  // Brackets and quotes beyond the line must not count.
  kernel.bytes.fill(0x7b, KERNEL_START).set(line, KERNEL_START);
  const { bytes } = kernel;
  const [fast, slow] = [createFieldScanner(bytes, kernel.nesting), createFieldScanner(bytes)];
  return [
    () => scanFields(bytes, KERNEL_START, end),
    () => fast(KERNEL_START, end),
    () => slow(KERNEL_START, end),
  ];
}

/** What is read, as values; a scanner that has seen the line before must say the same again. */
function read(text: string): { index: number; prev: string } | undefined {
  const answers = scanners(text).flatMap((scan) => [scan(), scan(), scan()]);
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  const [found] = answers;
  if (found === undefined) return undefined;
  const at = found.prevStart - KERNEL_START;
  const prev = String.fromCharCode(...encodeUtf8(text).subarray(at, at + PREV_CHARS));
  return { index: found.index, prev };
}

/** JSON with members in sorted order, as the canonical form has them. */
function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${sorted(member)}`).join(',')}}`;
}

const nasty = fc.constantFrom(
  ',"index":5,',
  '"prev":"',
  '\\',
  '\\"',
  '"',
  '{',
  '}',
  '[',
  ']',
  '}}',
  '","index":1,"',
  `","prev":"${GENESIS_PREV}","`,
  '\u2028',
  'é',
);
const key = fc.oneof(fc.constantFrom('index', 'prev', 'a', 'zz', 'inde', 'indexx', 'pre', 'Prev'), nasty);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    nasty,
    fc.nat(20),
    fc.constantFrom(null, true, 'index', 'prev', PREV),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
})).value;

describe('the scanner for index and prev', () => {
  it('reads what JSON.parse reads, whatever stands around them', () => {
    fc.assert(
      fc.property(fc.dictionary(key, json, { maxKeys: 6 }), fc.maxSafeNat(), (others, index) => {
        const text = sorted({ ...others, index, prev: PREV });
        assert.deepEqual(read(text), { index, prev: PREV }, text);
      }),
      { numRuns: 2000 },
    );
  });

  it('is not fooled by one that remembers a place where a nested member stands now', () => {
    const kernel = createKernel(2000);
    const space = kernel?.bytes ?? new Uint8Array(2000);
    const scan = createFieldScanner(space, kernel?.nesting);
    const ask = (text: string): number | undefined => {
      space.set(encodeUtf8(text), KERNEL_START);
      return scan(KERNEL_START, KERNEL_START + text.length)?.index;
    };
    const honest = `{"a":{"k":1},"index":7,"prev":"${PREV}","v":1}`;
    assert.equal(ask(honest), 7);
    // The same distance from the end, one level down.
    const nested = `{"index":9,"m":{"k":1,"index":7,"prev":"${PREV}"},"prev":"${PREV}","v":1}`;
    assert.equal(ask(nested), 9);
    assert.equal(ask(`{"a":{"k":1,"index":7,"prev":"${PREV}","v":1}}`), undefined);
    assert.equal(ask(`{"a":"x,\\"index\\":7","index":8,"prev":"${PREV}","v":1}`), 8);
    assert.equal(ask(honest), 7);
  });

  it('reads members in any order', () => {
    assert.deepEqual(read(`{"prev":"${PREV}","index":3}`), { index: 3, prev: PREV });
    assert.deepEqual(read(`{"index":0,"prev":"${PREV}"}`), { index: 0, prev: PREV });
  });

  it('finds nothing where there is no such entry', () => {
    const lines = [
      '',
      '{',
      '}',
      '{}',
      '[]',
      'null',
      '"index"',
      `{"index":1}`,
      `{"prev":"${PREV}"}`,
      `{"m":{"index":1,"prev":"${PREV}"}}`,
      `{"index":"1","prev":"${PREV}"}`,
      `{"index":-1,"prev":"${PREV}"}`,
      `{"index":01,"prev":"${PREV}"}`,
      `{"index":9007199254740992,"prev":"${PREV}"}`,
      `{"index":,"prev":"${PREV}"}`,
      `{"index":1.5,"prev":"${PREV}"}`,
      `{"index":1e3,"prev":"${PREV}"}`,
      `{"index":1,"prev":"short"}`,
      `{"index":1,"prev":"${PREV}x"}`,
      `{"index":1,"prev":null}`,
      `{"index":1,"index":1,"prev":"${PREV}"}`,
      `{"index":1,"prev":"${PREV}","prev":"${PREV}"}`,
      `{"index":1,"prev":"${PREV}"}}`,
      `{"index":1,"prev":"${PREV}"} `,
      `{"index":1,"prev":"${PREV}"}\r`,
      `{"index":1,"prev":"${PREV}"`,
      `{"index":1,"prev":"${PREV}","a":"`,
      `{"index":1,"prev":"${PREV}","a":"\\`,
      ` {"index":1,"prev":"${PREV}"}`,
      `{"index":1}{"prev":"${PREV}"}`,
    ];
    for (const line of lines) assert.equal(read(line), undefined, line);
  });

  it('ends on any bytes', () => {
    const piece = fc.constantFrom(
      '"',
      '\\',
      '{',
      '}',
      '[',
      ',"index":',
      '1',
      ',"prev":"',
      PREV,
      ':',
      'x',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        read(`{${pieces.join('')}`);
      }),
      { numRuns: 2000 },
    );
    const started = performance.now();
    for (const text of ['{'.repeat(65_000), `{${',"index":'.repeat(7000)}`, `{"${'\\'.repeat(65_000)}`])
      read(text);
    assert.ok(performance.now() - started < 500);
  });
});
