import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import reference from 'canonicalize';
import fc from 'fast-check';
import { encodeUtf8 } from '../../src/core/bytes.ts';
import { canonicalize, isCanonical, parseCanonical, serializeEntry } from '../../src/core/canonical.ts';
import { EntrySchema } from '../../src/core/entry.ts';
import { TallyError } from '../../src/core/error.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { anyJson, objectsOf } from './entries.ts';

const refuses = (value: unknown, message: RegExp): void => {
  for (const write of [canonicalize, (wrapped: unknown) => serializeEntry(wrapped as object)]) {
    assert.throws(
      () => write(value),
      (error: unknown) =>
        error instanceof TallyError && error.code === 'BAD_EVENT' && message.test(error.message),
      `${message}`,
    );
  }
};

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

describe('canonicalize', () => {
  it('writes the example of RFC 8785 section 3.2.2 as the RFC does', () => {
    // The RFC's own source text: the parser rounds the first number.
    const value: unknown = JSON.parse(`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`);
    assert.equal(
      canonicalize(value),
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('sorts members by UTF-16 code units as RFC 8785 section 3.2.3 does', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    assert.deepEqual(
      [...canonicalize(value).matchAll(/:"(.*?)"/g)].map((match) => match[1]),
      [
        'Carriage Return',
        'One',
        'Control',
        'Latin Small Letter O With Diaeresis',
        'Euro Sign',
        'Emoji: Grinning Face',
        'Hebrew Letter Dalet With Dagesh',
      ],
    );
  });

  it('writes the numbers of RFC 8785 appendix B', () => {
    const samples: readonly [bigint, string][] = [
      [0x0000000000000000n, '0'],
      [0x8000000000000000n, '0'],
      [0x0000000000000001n, '5e-324'],
      [0x8000000000000001n, '-5e-324'],
      [0x7fefffffffffffffn, '1.7976931348623157e+308'],
      [0xffefffffffffffffn, '-1.7976931348623157e+308'],
      [0x4340000000000000n, '9007199254740992'],
      [0xc340000000000000n, '-9007199254740992'],
      [0x4430000000000000n, '295147905179352830000'],
      [0x44b52d02c7e14af5n, '9.999999999999997e+22'],
      [0x44b52d02c7e14af6n, '1e+23'],
      [0x44b52d02c7e14af7n, '1.0000000000000001e+23'],
      [0x444b1ae4d6e2ef4en, '999999999999999700000'],
      [0x444b1ae4d6e2ef4fn, '999999999999999900000'],
      [0x444b1ae4d6e2ef50n, '1e+21'],
      [0x3eb0c6f7a0b5ed8cn, '9.999999999999997e-7'],
      [0x3eb0c6f7a0b5ed8dn, '0.000001'],
      [0x41b3de4355555553n, '333333333.3333332'],
      [0x41b3de4355555554n, '333333333.33333325'],
      [0x41b3de4355555555n, '333333333.3333333'],
      [0x41b3de4355555556n, '333333333.3333334'],
      [0x41b3de4355555557n, '333333333.33333343'],
      [0xbecbf647612f3696n, '-0.0000033333333333333333'],
      [0x43143ff3c1cb0959n, '1424953923781206.2'],
    ];
    const view = new DataView(new ArrayBuffer(8));
    for (const [bits, text] of samples) {
      view.setBigUint64(0, bits);
      assert.equal(canonicalize(view.getFloat64(0)), text);
    }
  });

  it('agrees with the canonicalize package on any JSON value', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        assert.equal(canonicalize(value), reference(value));
      }),
      { numRuns: 2_000 },
    );
  });

  it('names the place of what JSON cannot say', () => {
    refuses({ a: [0, { 'b c': Number.NaN }] }, /^\$\.a\[1\]\["b c"\]: NaN is no JSON number$/);
    refuses({ a: Number.NEGATIVE_INFINITY }, /^\$\.a: -Infinity/);
    refuses({ a: 1n }, /^\$\.a: a value of type bigint/);
    refuses({ a: { b: () => 1 } }, /^\$\.a\.b: a value of type function/);
    refuses({ a: Symbol('s') }, /^\$\.a: a value of type symbol/);
    refuses({ a: 'x\ud800' }, /^\$\.a: a string with a lone surrogate/);
    refuses({ '\udc00': 1 }, /: a member name with a lone surrogate/);
    refuses({ a: new Date(0) }, /^\$\.a: a class instance/);
    refuses({ a: Buffer.from('x') }, /^\$\.a: a class instance/);
    refuses({ a: new Map() }, /^\$\.a: a class instance/);
    assert.throws(() => canonicalize(undefined), { code: 'BAD_EVENT' });
  });

  it('finds the fault inside the members that the entry schema knows', () => {
    refuses({ actor: { user: { id: '\ud800' } } }, /^\$\.actor\.user\.id: /);
    refuses({ credentials: [{ ref: 'A' }, { ref: Number.NaN }] }, /^\$\.credentials\[1\]\.ref: NaN/);
    refuses(
      { decision: { layers: [{ us: Number.POSITIVE_INFINITY }] } },
      /^\$\.decision\.layers\[0\]\.us: Infinity/,
    );
    refuses({ actor: new Date(0) }, /^\$\.actor: a class instance/);
  });

  it('refuses a value that contains itself and says so', () => {
    const ring: Record<string, unknown> = {};
    ring.a = [{ ring }];
    refuses(ring, /contains itself/);
    const actor: Record<string, unknown> = {};
    actor.user = { actor };
    refuses({ actor }, /contains itself/);
  });

  it('allows exactly the nesting that the limit names, wherever it starts', () => {
    assert.ok(canonicalize(nested(LIMITS.jsonDepth)));
    refuses(nested(LIMITS.jsonDepth + 1), /nested deeper than 64/);
    for (const wrap of [
      (value: unknown) => ({ metadata: value }),
      (value: unknown) => ({ actor: { user: { new: value } } }),
      (value: unknown) => ({ credentials: [{ new: value }] }),
    ]) {
      const own = canonicalize(wrap(0)).split(/[[{]/).length - 1;
      const most = wrap(nested(LIMITS.jsonDepth - own));
      assert.equal(serializeEntry(most), canonicalize(most));
      refuses(wrap(nested(LIMITS.jsonDepth - own + 1)), /nested deeper than 64/);
    }
  });

  it('refuses a value that doubles at every level before it fills the memory', { timeout: 30_000 }, () => {
    let doubling: unknown = 1;
    for (let i = 0; i < 40; i++) doubling = [doubling, doubling];
    assert.throws(() => canonicalize(doubling), /more than 4194304 members/);
  });
});

describe('serializeEntry', () => {
  it('gives the bytes of canonicalize for any entry, unknown fields anywhere included', () => {
    fc.assert(
      fc.property(objectsOf(EntrySchema), (entry) => {
        assert.equal(serializeEntry(entry), canonicalize(entry));
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives the bytes of canonicalize for values that are no entry at all', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        if (typeof value === 'object' && value !== null)
          assert.equal(serializeEntry(value), canonicalize(value));
      }),
      { numRuns: 1_000 },
    );
    assert.equal(serializeEntry(Object.create(null) as object), '{}');
  });

  it('writes an own member called __proto__', () => {
    const entry: object = JSON.parse('{"type":"custom","__proto__":{"b":1,"a":2}}');
    assert.equal(serializeEntry(entry), '{"__proto__":{"a":2,"b":1},"type":"custom"}');
  });
});

describe('parseCanonical', () => {
  it('gives back every canonical text', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const bytes = encodeUtf8(canonicalize(value));
        assert.ok(isCanonical(bytes));
        assert.equal(canonicalize(parseCanonical(bytes)), canonicalize(value));
      }),
    );
  });

  it('refuses a second spelling of the same value', () => {
    for (const text of [
      '{"a":1,"a":1}',
      '{"a":1,"a":2}',
      '{"b":1,"a":2}',
      '{"a": 1}',
      ' {"a":1}',
      '{"a":1}\n',
      '{"a":1.0}',
      '{"a":1e2}',
      '{"a":-0}',
      '{"a":"\\u0041"}',
      '{"a":"\\/"}',
      '{"a":"\\u000A"}',
      '{"a":"\\ud800"}',
      '\ufeff{"a":1}',
      '',
      '{"a":1',
      'nul',
      '1e400',
    ]) {
      assert.equal(isCanonical(encodeUtf8(text)), false, text);
      assert.throws(() => parseCanonical(encodeUtf8(text)), { code: 'NOT_CANONICAL' }, text);
    }
    assert.equal(isCanonical(Uint8Array.of(0x22, 0xff, 0x22)), false);
  });

  it('decides any bytes in bounded time without another kind of failure', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        isCanonical(bytes);
      }),
    );
    assert.equal(isCanonical(encodeUtf8('['.repeat(1_000_000))), false);
    assert.equal(isCanonical(encodeUtf8(`${'['.repeat(500_000)}${']'.repeat(500_000)}`)), false);
  });
});
