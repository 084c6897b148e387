import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { GENESIS_PREV } from '../../../src/core/entry.ts';
import { createFieldScanner, PREV_CHARS } from '../../../src/core/tlog/fields.ts';

const PREV = `${'b'.repeat(43)}=`;

/** What the scanner reads, as values; a fresh scanner and one that has seen the line before must agree. */
function read(text: string): { index: number; prev: string } | undefined {
  const bytes = encodeUtf8(`\n${text}\n`);
  const scan = createFieldScanner();
  const answers = [1, 2, 3].map(() => scan(bytes, 1, bytes.length - 1));
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  const [found] = answers;
  if (found === undefined) return undefined;
  const prev = String.fromCharCode(...bytes.subarray(found.prevStart, found.prevStart + PREV_CHARS));
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
    const scan = createFieldScanner();
    const ask = (text: string): number | undefined => scan(encodeUtf8(text), 0, text.length)?.index;
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
