import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { encodeProofFile, isProofFile, parseProofFile } from '../../../src/core/tlog/proof-file.ts';

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const file = fc.record(
  {
    index: fc.maxSafeNat(),
    proof: fc.array(hash, { maxLength: LIMITS.proofHashes }),
    checkpoint: fc.string({ unit: 'binary', minLength: 1 }).map((text) => encodeUtf8(text.toWellFormed())),
    extra: fc.uint8Array({ minLength: 1, maxLength: 100 }),
  },
  { requiredKeys: ['index', 'proof', 'checkpoint'], noNullPrototype: true },
);

function refused(text: string | Uint8Array): void {
  const bytes = typeof text === 'string' ? encodeUtf8(text) : text;
  assert.throws(
    () => parseProofFile(bytes),
    (error) => isTallyError(error) && error.code === 'PROOF_INVALID',
    Buffer.from(bytes).toString('latin1').slice(0, 200),
  );
}

describe('proof files', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(file, (value) => {
        assert.deepEqual(parseProofFile(encodeProofFile(value)), value);
      }),
    );
  });

  it('look as C2SP tlog-proof says', () => {
    const text = Buffer.from(
      encodeProofFile({
        index: 73_894,
        proof: [new Uint8Array(32)],
        checkpoint: encodeUtf8('example.com/log\n'),
        extra: encodeUtf8('entry'),
      }),
    ).toString();
    assert.equal(
      text,
      `c2sp.org/tlog-proof@v1\nextra ZW50cnk=\nindex 73894\n${'A'.repeat(43)}=\n\nexample.com/log\n`,
    );
  });

  it('are refused when anything but their one form stands there', () => {
    const head = 'c2sp.org/tlog-proof@v1\n';
    const zero = `${'A'.repeat(43)}=\n`;
    const good = `${head}extra QQ==\nindex 5\n${zero}\nnote`;
    assert.equal(parseProofFile(encodeUtf8(good)).index, 5);
    const bad = [
      '',
      head,
      `${head}index 5\n`,
      `${head}index 5\n\n`,
      `${head}\nindex 5\n\nnote`,
      `${head}${zero}\nnote`,
      `${head}extra QQ==\n\nnote`,
      `${head}index 5\nextra QQ==\n\nnote`,
      `${head}extra QQ==\nextra QQ==\nindex 5\n\nnote`,
      `${head}index 5\nindex 5\n\nnote`,
      good.replaceAll('\n', '\r\n'),
      good.replace('index 5', 'index 05'),
      good.replace('index 5', 'index -5'),
      good.replace('index 5', 'index +5'),
      good.replace('index 5', 'index 5 '),
      good.replace('index 5', 'Index 5'),
      good.replace('index 5', 'index  5'),
      good.replace('index 5', 'index 9007199254740992'),
      good.replace('index 5', `index ${'9'.repeat(400)}`),
      good.replace('QQ==', 'QR=='),
      good.replace('QQ==', 'QQ'),
      good.replace('QQ==', ''),
      good.replace('extra QQ==', 'extra  QQ=='),
      good.replace('A=\n', 'B=\n'),
      good.replace('A=\n', '\n'),
      good.replace(zero, `${zero.trim()} \n`),
      good.replace('@v1', '@v2'),
      `\ufeff${good}`,
      `${head}index 5\n${zero.repeat(64)}\nnote`,
      `${head}extra QQ==\nindex 5\n${zero.repeat(64)}\nnote`,
      `${head}index 5\n${zero.repeat(10_000)}\nnote`,
      `${head}index 5\n\nnote${'x'.repeat(LIMITS.proofFileBytes)}`,
    ];
    for (const text of bad) refused(text);
    refused(Uint8Array.of(...encodeUtf8(good), 0xff));
    assert.equal(parseProofFile(encodeUtf8(`${head}index 5\n${zero.repeat(63)}\nnote`)).proof.length, 63);
  });

  it('never parse to something that would be written otherwise, whatever one byte is changed to', () => {
    fc.assert(
      fc.property(file, fc.nat(), fc.nat({ max: 255 }), fc.boolean(), (value, place, byte, cut) => {
        const bytes = encodeProofFile(value);
        const at = place % bytes.length;
        const other = cut ? bytes.slice(0, at) : bytes.slice();
        if (!cut) other[at] = byte;
        try {
          assert.deepEqual(encodeProofFile(parseProofFile(other)), other);
        } catch (error) {
          if (!isTallyError(error)) throw error;
          assert.equal(error.code, 'PROOF_INVALID');
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('end on any bytes, and are known by their first line', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(isProofFile(bytes), false);
        refused(bytes);
        refused(Uint8Array.of(...encodeUtf8('c2sp.org/tlog-proof@v1\n'), ...bytes.filter((b) => b !== 10)));
      }),
      { numRuns: 1000 },
    );
  });
});
