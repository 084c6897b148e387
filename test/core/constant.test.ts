import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serializeEntry } from '../../src/core/canonical.ts';
import { quickCheck } from '../../src/core/check.ts';
import { isConstant } from '../../src/core/constant.ts';
import { EventSchema } from '../../src/core/entry.ts';
import { encodeCrockford } from '../../src/core/ulid.ts';

const isEvent = quickCheck(EventSchema);
const withLayer = (layer: object) => ({
  type: 'http.call',
  phase: 'pre_exec',
  decision: { outcome: 'allow', layers: [layer, { layer: 'rules', result: 'skip' }] },
});

describe('what is remembered of objects', () => {
  it('that never change is what a look at them finds each time', () => {
    const loose = { layer: 'limits', result: 'pass', reason: 'ä "quoted"' };
    const frozen = Object.freeze({ ...loose });
    for (let times = 0; times < 3; times++) {
      assert.equal(serializeEntry(withLayer(frozen)), serializeEntry(withLayer(loose)));
      assert.equal(isEvent(withLayer(frozen)), isEvent(withLayer(loose)));
    }
    assert.equal(isConstant(frozen), true);
    assert.equal(isConstant(loose), false);
  });

  it('is nothing where something in them can change', () => {
    const inside = { of: 'the first time' };
    const frozen = Object.freeze({ layer: 'limits', result: 'pass', more: inside });
    assert.equal(isConstant(frozen), false);
    assert.match(serializeEntry(withLayer(frozen)), /the first time/);
    inside.of = 'the second time';
    assert.match(serializeEntry(withLayer(frozen)), /the second time/);
  });

  it('is no reason to take one that the schema refuses', () => {
    const wrong = Object.freeze({ layer: 'limits', result: 7 });
    for (let times = 0; times < 2; times++) assert.equal(isEvent(withLayer(wrong)), false);
  });
});

describe('an id', () => {
  it('is written digit by digit as Crockford has it', () => {
    const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    const plain = (value: bigint, chars: number): string =>
      Array.from({ length: chars }, (_, i) =>
        digits.charAt(Number((value >> BigInt(5 * (chars - 1 - i))) & 31n)),
      ).join('');
    for (const [ms, bytes] of [
      [0, new Uint8Array(10)],
      [2 ** 48 - 1, new Uint8Array(10).fill(255)],
      [1_763_760_000_123, Uint8Array.of(1, 2, 3, 4, 5, 250, 251, 252, 253, 254)],
    ] as const) {
      const random = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      assert.equal(encodeCrockford(ms, bytes), plain(BigInt(ms), 10) + plain(random, 16));
    }
  });
});
