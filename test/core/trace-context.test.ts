import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatTraceparent, isTracestate, readTraceparent } from '../../src/core/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('a traceparent', () => {
  it('is taken over when it is one', () => {
    const context = { trace_id: TRACE, span_id: SPAN };
    for (const value of [
      `00-${TRACE}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-00`,
      ` 00-${TRACE}-${SPAN}-ff `,
      // Of a version to come, the part that is known.
      `01-${TRACE}-${SPAN}-01`,
      `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`,
    ])
      assert.deepEqual(readTraceparent([value]), { kind: 'valid', context }, value);
    assert.deepEqual(readTraceparent([]), { kind: 'absent' });
  });

  it('is malformed when anything about it is odd', () => {
    for (const value of [
      '',
      '00',
      `ff-${TRACE}-${SPAN}-01`,
      `00-${'0'.repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-1`,
      `00-${TRACE}-${SPAN}-01-more`,
      `00-${TRACE}-${SPAN}-01-`,
      `00-${TRACE}-${SPAN}-01.`,
      `01-${TRACE}-${SPAN}-01more`,
      `00-${TRACE}${SPAN}-01`,
      `0-${TRACE}-${SPAN}-01`,
      `00-${TRACE.slice(1)}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-0g`,
      `01-${TRACE}-${SPAN}-01-${'x'.repeat(600)}`,
      `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    ])
      assert.deepEqual(readTraceparent([value]), { kind: 'malformed' }, value);
    assert.deepEqual(readTraceparent([`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`]), {
      kind: 'malformed',
    });
  });

  it('that we write is one that we read', () => {
    const hex = (length: number) =>
      fc
        .array(fc.integer({ min: 0, max: 15 }), { minLength: length, maxLength: length })
        .map((digits) => digits.map((digit) => digit.toString(16)).join(''))
        .filter((text) => !/^0+$/.test(text));
    fc.assert(
      fc.property(hex(32), hex(16), (trace_id, span_id) => {
        const context = { trace_id, span_id };
        assert.deepEqual(readTraceparent([formatTraceparent(context)]), { kind: 'valid', context });
      }),
    );
  });

  it('never throws, and what passes is in its one form, whatever it is', () => {
    const near = fc
      .array(fc.constantFrom('0', '1', 'a', 'f', 'F', '-', ' ', TRACE, SPAN, '00', 'ff', '01', '\u0661'), {
        maxLength: 12,
      })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), near), { maxLength: 3 }),
        (values) => {
          const said = readTraceparent(values);
          if (said.kind !== 'valid') return;
          assert.match(said.context.trace_id, /^[0-9a-f]{32}$/);
          assert.match(said.context.span_id, /^[0-9a-f]{16}$/);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a tracestate', () => {
  it('is a list of at most 32 members with keys of their own', () => {
    for (const values of [
      [],
      [''],
      ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
      ['rojo=1', 'congo=2'],
      ['a=1 ,\t, b=2'],
      ['tenant@vendor=x y', 'fw529a3039@dt=FfAAAABLnwY'],
      [Array.from({ length: 32 }, (_, i) => `k${i}=v`).join(',')],
    ])
      assert.equal(isTracestate(values), true, values.join('|'));
  });

  it('is refused as a whole when a part of it is odd', () => {
    for (const values of [
      ['rojo'],
      ['=1'],
      ['rojo='],
      ['Rojo=1'],
      ['rojo=1=2'],
      ['rojo=1,rojo=2'],
      ['rojo=1', 'rojo=2'],
      ['rojo=\u00e9'],
      ['rojo=a\u0000b'],
      ['@vendor=1'],
      ['tenant@=1'],
      [Array.from({ length: 33 }, (_, i) => `k${i}=v`).join(',')],
      [`a=${'v'.repeat(257)}`],
      [`a=1${','.repeat(5_000)}`],
    ])
      assert.equal(isTracestate(values), false, values.join('|').slice(0, 60));
  });

  it('ends in an answer, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 400 }), { maxLength: 4 }), (values) => {
        assert.equal(typeof isTracestate(values), 'boolean');
      }),
      { numRuns: 300 },
    );
  });
});
