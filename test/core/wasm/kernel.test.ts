import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { nestingIn } from '../../../src/core/tlog/fields.ts';
import { createKernel, KERNEL_SLACK, KERNEL_START, type Kernel } from '../../../src/core/wasm/kernel.ts';
import { UNTOLD } from '../../../src/core/wasm/nesting.ts';

function kernelOf(bytes: number): Kernel {
  const kernel = createKernel(bytes);
  assert.ok(kernel !== undefined, 'this Node has WebAssembly with SIMD');
  return kernel;
}

describe('the SHA-256 lanes', () => {
  const kernel = kernelOf(KERNEL_START + 1 + 16 * 256 + KERNEL_SLACK);
  const start = KERNEL_START + 1;
  const node = (pair: Uint8Array): Uint8Array =>
    new Uint8Array(createHash('sha256').update(Uint8Array.of(1)).update(pair).digest());

  function check(pairs: Uint8Array, before: number): void {
    kernel.bytes[start - 1] = before;
    kernel.bytes.fill(before, start + pairs.length);
    kernel.bytes.set(pairs, start);
    kernel.fold(start - 1, pairs.length / 256);
    for (let i = 0; i * 64 < pairs.length; i++) {
      const at = start + i * 32;
      assert.deepEqual(kernel.bytes.slice(at, at + 32), node(pairs.slice(i * 64, i * 64 + 64)), `pair ${i}`);
    }
    assert.ok(
      kernel.bytes.subarray(start + pairs.length).every((byte) => byte === before),
      'wrote beyond the pairs',
    );
  }

  it('hash nodes as node:crypto does, whatever stands around them', () => {
    const fours = (n: number) => fc.uint8Array({ minLength: n * 256, maxLength: n * 256 });
    fc.assert(fc.property(fc.integer({ min: 1, max: 16 }).chain(fours), fc.nat(255), check));
  });

  it('hash every single bit of a pair', () => {
    for (let bit = 0; bit < 512; bit += 4) {
      const pairs = new Uint8Array(256);
      for (let lane = 0; lane < 4; lane++) pairs[lane * 64 + (bit >> 3)] = 1 << (((bit & 7) + lane) % 8);
      check(pairs, 0xff);
      check(
        pairs.map((byte) => ~byte),
        0,
      );
    }
  });
});

describe('the nesting of JSON', () => {
  const MOST = 300;
  const kernel = kernelOf(KERNEL_START + MOST + KERNEL_SLACK);

  function nesting(text: string, around: number): number {
    const bytes = encodeUtf8(text);
    kernel.bytes.fill(around, KERNEL_START).set(bytes, KERNEL_START);
    const to = KERNEL_START + bytes.length;
    const answer = kernel.nesting(KERNEL_START, to);
    if (!text.includes('\\')) assert.equal(answer, nestingIn(kernel.bytes)(KERNEL_START, to), text);
    return answer;
  }

  it('counts brackets outside strings as the loop over bytes does, across every step of 64', () => {
    const unit = fc.constantFrom('{', '}', '[', ']', '"', '"', 'a', ':', ',', 'é', '[z', ';');
    fc.assert(
      fc.property(
        fc.string({ unit, minLength: 1, maxLength: 100 }),
        fc.constantFrom(0x7b, 0x22, 0x5c),
        (text, around) => {
          nesting(text, around);
        },
      ),
      { numRuns: 3000 },
    );
    for (let length = 1; length < 200; length++) {
      assert.equal(nesting('{'.repeat(length), 0x7b), length);
      assert.equal(nesting(`"${'}'.repeat(length)}"]`, 0x22), -1);
    }
  });

  it('does not tell where an escape or an open string makes it uncertain', () => {
    for (const text of ['"', '"a', '\\', '"\\""', `${' '.repeat(70)}\\`, `"${'x'.repeat(64)}`, '"""'])
      assert.equal(nesting(text, 0x20), UNTOLD, text);
    assert.equal(nesting('""', 0x5c), 0);
  });
});
