import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { decimalAt, scanFields } from '../../../src/core/tlog/fields.ts';
import { createKernel, KERNEL_SLACK } from '../../../src/core/wasm/kernel.ts';
import {
  ROW_BYTES,
  ROW_END,
  ROW_INDEX,
  ROW_PREV,
  ROW_TYPE,
  TYPE_PAYLOAD,
  TYPE_UNTOLD,
  typeWord,
} from '../../../src/core/wasm/lines.ts';

const TABLE = 4_096;
const START = 65_536;
const kernel = createKernel(2 * 65_536 + KERNEL_SLACK);
assert.ok(kernel !== undefined, 'this Node has WebAssembly with SIMD');
const { bytes: space, lines } = kernel;
const words = new Int32Array(space.buffer);

interface Row {
  readonly start: number;
  readonly end: number;
  readonly prev: number;
  readonly index: number;
  readonly type: number;
}

/** What the kernel says of a text, `around` which other bytes stand. */
function rowsOf(text: string, around = 0x0a, most = 1_000): readonly Row[] {
  const bytes = encodeUtf8(text);
  space.fill(around, START - 64, START);
  space.set(bytes, START);
  space.fill(around, START + bytes.length, START + bytes.length + 128);
  const end = lines(START, START + bytes.length, TABLE, TABLE + most * ROW_BYTES);
  const rows: Row[] = [];
  for (let row = TABLE, start = START; row < end; row += ROW_BYTES) {
    const at = (field: number): number => words[row / 4 + field] ?? 0;
    rows.push({ start, end: at(ROW_END), prev: at(ROW_PREV), index: at(ROW_INDEX), type: at(ROW_TYPE) });
    start = at(ROW_END) + 1;
  }
  return rows;
}

const PREV = `"prev":"${'P'.repeat(43)}="`;
const entry = (members: string, end = '"type":"tool.call","v":1'): string =>
  `{"a":"x","index":7,${members}${PREV},"tenant_id":"local",${end}}`;
const first = (text: string): Row => {
  const [row] = rowsOf(`${text}\n`);
  assert.ok(row !== undefined);
  return row;
};

describe('the scanner of lines', () => {
  it('ends every line at its newline, and leaves out a last one without', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('{', '}', 'x', '"', 'yl', 'ä'), maxLength: 200 })),
        fc.constantFrom(0x0a, 0x22, 0x79),
        (texts, around) => {
          const rows = rowsOf(texts.join('\n'), around);
          const expected = texts.slice(0, -1).map((text) => encodeUtf8(text).length);
          assert.deepEqual(
            rows.map(({ start, end }) => end - start),
            expected,
          );
        },
      ),
    );
  });

  it('stops where the table is full, and goes on from there', () => {
    const text = 'a\nbb\nccc\n'.repeat(50);
    assert.equal(rowsOf(text, 0, 7).length, 7);
    assert.equal(rowsOf(text).length, 150);
  });

  it('finds the two members of an ordinary entry', () => {
    const row = first(entry('"outcome":{"status":"ok"},'));
    assert.equal(decimalAt(space, row.index), 7);
    assert.deepEqual(scanFields(space, row.start, row.end), { index: 7, prevStart: row.prev });
  });

  it('finds them beside members of the same name deeper down', () => {
    for (const imitation of ['"index":1,', '"prev":"x",', `"index":1,${PREV},`]) {
      const row = first(entry(`"metadata":{"z":0,${imitation}"y":1},`));
      assert.ok(row.prev !== 0, imitation);
      assert.equal(decimalAt(space, row.index), 7);
    }
  });

  it('never names other members than the scanner that follows every byte', () => {
    const part = fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', '"', '\\', '"a":1', '"metadata":', '1'],
      ...[',"index":7', ',"index":3', `,${PREV}`, ',"prev":"', ',"index":'],
    );
    const whole = fc.constantFrom(
      ...[',"m":{"x":0,"index":3}', ',"s":"a,\\"index\\":1,"', `,"m":{"x":[],${PREV}}`, ',"b":[{"b":"}"}]'],
      ...[',"c":"{"', ',"d":"\\\\"', ',"e":[[],{}]', ',"f":{"g":{"x":0,"index":7,"prev":"x"}}'],
    );
    const nested = fc
      .array(fc.oneof({ weight: 9, arbitrary: whole }, part), { maxLength: 6 })
      .map((parts) => parts.join(''));
    let sure = 0;
    fc.assert(
      fc.property(nested, nested, nested, (a, b, c) => {
        const row = first(`{"a":"x"${a},"index":7${b},${PREV}${c}}`);
        if (row.prev === 0) return;
        const text = new TextDecoder().decode(space.subarray(row.start, row.end));
        const fields = scanFields(space, row.start, row.end);
        try {
          JSON.parse(text);
        } catch {
          // What is no JSON hashes to no signed leaf: that it is told from an entry is not the scanner's affair.
          return;
        }
        // The last one counts where an object repeats a name; canonical JSON repeats none.
        if (fields === undefined) return;
        sure++;
        assert.deepEqual({ index: decimalAt(space, row.index), prevStart: row.prev }, fields);
      }),
      { numRuns: 20_000 },
    );
    assert.ok(sure > 500, `only ${sure} of the lines made were entries`);
  });

  it('gives up on a line full of imitations, in time that grows with its length only', () => {
    const members = ',"index":7'.repeat(6_000);
    const text = `{"a":[${'{"x":1'}${members}}],"b":1}`;
    const started = performance.now();
    for (let i = 0; i < 100; i++) assert.equal(first(text).prev, 0);
    assert.ok(performance.now() - started < 2_000);
  });

  it('reads the type that closes an entry, and says when it cannot', () => {
    const typeOf = (end: string): number => first(entry('', end)).type;
    assert.equal(typeOf('"type":"log.open","v":1'), typeWord('log.'));
    assert.equal(typeOf('"type":"system.instruction","v":1'), typeWord('syst'));
    assert.equal(typeOf('"type":"log.open","v":2'), TYPE_UNTOLD);
    assert.equal(typeOf('"type":"log.open","v":1,"w":2'), TYPE_UNTOLD);
    assert.equal(typeOf(`"type":"${'x'.repeat(40)}","v":1`), TYPE_UNTOLD);
    assert.equal(typeOf('"ts":"","x_type":"log.open","v":1'), TYPE_UNTOLD);
    assert.equal(typeOf('"z":"a\\"type\\":\\"log.open","v":1'), TYPE_UNTOLD);
  });

  it('tells of a payload wherever it stands', () => {
    for (let pad = 0; pad < 140; pad++) {
      const text = entry(`"x":"${'y'.repeat(pad)}l","payload":{"commit":"c"},`);
      assert.equal(first(text).type, TYPE_PAYLOAD, `after ${pad}`);
    }
    assert.equal(first(entry('"x":"payload yl daylight \\"payload\\":{",')).type, typeWord('tool'));
  });
});
