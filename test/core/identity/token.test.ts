import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { mintToken, parseToken, TOKEN_RANDOM_BYTES } from '../../../src/core/identity/token.ts';
import { T0 } from './entries.ts';

describe('a token', () => {
  it('carries its id in the open and 256 bits of secret', () => {
    const minted = mintToken('agent', randomBytes(TOKEN_RANDOM_BYTES), T0);
    assert.match(minted.token, /^agt_[0-9A-HJKMNP-TV-Z]{26}\.[A-Za-z0-9_-]{43}$/);
    assert.match(minted.hash, /^[0-9a-f]{64}$/);
    const parsed = parseToken(minted.token);
    assert.deepEqual([parsed?.id, parsed?.kind], [minted.id, 'agent']);
    assert.ok(!minted.id.includes(parsed?.secret ?? minted.id));
    assert.match(mintToken('run', randomBytes(TOKEN_RANDOM_BYTES), T0).token, /^run_/);
  });

  it('depends on every random byte and on nothing else', () => {
    const bytes = randomBytes(TOKEN_RANDOM_BYTES);
    const first = mintToken('agent', bytes, T0);
    assert.deepEqual(mintToken('agent', Uint8Array.from(bytes), T0), first);
    for (let i = 0; i < bytes.length; i++) {
      const other = Uint8Array.from(bytes);
      other[i] = (other[i] ?? 0) ^ 1;
      assert.notEqual(mintToken('agent', other, T0).token, first.token, `byte ${i}`);
    }
  });

  it('sorts by the time it was made', () => {
    const ids = [0, 1, 1_000, 86_400_000].map(
      (later) => mintToken('run', randomBytes(TOKEN_RANDOM_BYTES), T0 + later).id,
    );
    assert.deepEqual(ids.toSorted(), ids);
  });

  it('is not made from too little randomness', () => {
    assert.throws(() => mintToken('agent', new Uint8Array(TOKEN_RANDOM_BYTES - 1), T0), RangeError);
  });

  it('is one exact text: no other text is read as it', () => {
    const { token } = mintToken('agent', randomBytes(TOKEN_RANDOM_BYTES), T0);
    for (const other of [
      ` ${token}`,
      `${token}\n`,
      `${token}=`,
      token.toLowerCase(),
      token.slice(0, -1),
      token.replace('.', ':'),
    ])
      assert.equal(parseToken(other), undefined, other);
    fc.assert(fc.property(fc.string(), (text) => assert.equal(parseToken(text), undefined)));
  });
});
