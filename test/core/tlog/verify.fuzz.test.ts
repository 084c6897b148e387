/** Whatever is done to the bytes of a log, verification answers, in time, and never with a pass. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { verifyLog } from '../../../src/core/tlog/verify.ts';
import { exitCodeOf } from '../../../src/core/tlog/verify-report.ts';
import { buildLog, bytesOf, sourceOf } from './fixture.ts';

const log = buildLog(300, {
  text: (index, prev) => `{"id":"x","index":${index},"m":{"index":1},"prev":"${prev}","v":1}`,
});
const pinned = [log.signer.vkey];
const whole = bytesOf(log.lines);
const signer = log.signer;

async function verify(bytes: Uint8Array, some = log) {
  const report = await verifyLog(sourceOf(some, {}, bytes, 4096), { pinned });
  return { report, exit: exitCodeOf(report) };
}

describe('one altered byte', () => {
  it('shows, and its entry is named first, at every place of a small log', async () => {
    const small = buildLog(4, {
      signer,
      text: (index, prev) => `{"index":${index},"m":{"a":[1,"b"]},"prev":"${prev}","v":1}`,
    });
    const bytes = bytesOf(small.lines);
    let at = 0;
    for (const [index, line] of small.lines.entries()) {
      for (let i = 0; i <= line.length; i++, at++) {
        for (const value of [0x0a, 0x00, 0x22, 0x7d, (bytes[at] ?? 0) ^ 1, (bytes[at] ?? 0) ^ 0x80]) {
          if (value === bytes[at]) continue;
          const altered = bytes.slice();
          altered[at] = value;
          const { report, exit } = await verify(altered, small);
          assert.equal(exit, 6);
          assert.equal(report.integrity.first_bad, index, `byte ${i} of entry ${index} became ${value}`);
        }
      }
    }
    assert.equal(at, bytes.length);
  });

  it('shows, and its entry is named first, in full tiles and after them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const altered = whole.slice();
        altered[at] = (altered[at] ?? 0) ^ mask;
        const { report, exit } = await verify(altered);
        const index = whole.subarray(0, at).filter((byte) => byte === 0x0a).length;
        assert.deepEqual([exit, report.integrity.first_bad], [6, index]);
      }),
      { numRuns: 400 },
    );
  });
});

describe('mutilated logs', () => {
  const place = fc.nat(whole.length);
  const change = fc.oneof(
    fc.record({ kind: fc.constant('cut' as const), at: place, length: fc.integer({ min: 1, max: 2000 }) }),
    fc.record({
      kind: fc.constant('put' as const),
      at: place,
      bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    }),
    fc.record({
      kind: fc.constant('copy' as const),
      at: place,
      from: place,
      length: fc.integer({ min: 1, max: 3000 }),
    }),
    fc.record({ kind: fc.constant('line' as const), at: fc.nat(299), from: fc.nat(299) }),
    fc.record({ kind: fc.constant('drop' as const), at: fc.nat(299), from: fc.integer({ min: 1, max: 20 }) }),
  );

  function apply(
    bytes: Uint8Array,
    step: typeof change extends fc.Arbitrary<infer T> ? T : never,
  ): Uint8Array {
    const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
    const lines = (): string[] => new TextDecoder('latin1').decode(bytes).split('\n');
    const bytesFrom = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
    switch (step.kind) {
      case 'cut':
        return join(bytes.subarray(0, step.at), bytes.subarray(step.at + step.length));
      case 'put':
        return join(bytes.subarray(0, step.at), step.bytes, bytes.subarray(step.at));
      case 'copy':
        return join(
          bytes.subarray(0, step.at),
          bytes.subarray(step.from, step.from + step.length),
          bytes.subarray(step.at),
        );
      case 'line':
        return bytesFrom(
          lines()
            .with(step.at % lines().length, lines()[step.from] ?? '')
            .join('\n'),
        );
      case 'drop':
        return bytesFrom(lines().toSpliced(step.at, step.from).join('\n'));
    }
  }

  it('never pass, and the first bad place is not after the first difference', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (steps) => {
        const bytes = steps.reduce(apply, whole);
        const first = whole.findIndex((byte, i) => byte !== bytes[i]);
        const { report, exit } = await verify(bytes);
        if (first < 0) {
          // Only something after the last signed entry: chained or not, but not below the checkpoint.
          assert.equal(report.integrity.status, 'pass');
          return;
        }
        assert.equal(exit, 6);
        assert.equal(report.integrity.status, 'fail');
        const index = whole.subarray(0, first).filter((byte) => byte === 0x0a).length;
        assert.ok(
          (report.integrity.first_bad ?? 0) <= index + 1,
          `${report.integrity.first_bad} for ${index}`,
        );
      }),
      { numRuns: 400 },
    );
  });

  it('of random lines answer too', async () => {
    const text = fc.string({
      unit: fc.constantFrom('{', '}', '"', 'index', 'prev', ':', '1', ',', '\n', '\\'),
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(text, async (lines) => {
        const { exit } = await verify(encodeUtf8(lines));
        assert.equal(exit, 6);
      }),
      { numRuns: 300 },
    );
  });
});

describe('hostile checkpoints, heads and tiles', () => {
  it('are answered', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 80 }),
        fc.uint8Array({ maxLength: 80 }),
        async (checkpoint, tile) => {
          const source = sourceOf(
            log,
            { checkpoint: async () => checkpoint, tile: async () => tile },
            whole,
            4096,
          );
          const report = await verifyLog(source, { pinned, heads: [{ checkpoint, ground: 'given' }] });
          assert.equal(exitCodeOf(report), 6);
        },
      ),
      { numRuns: 100 },
    );
  });
});
