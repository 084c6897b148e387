import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../../src/core/limits.ts';
import { formsOf } from '../../../src/core/redact/encodings.ts';
import { createMatcher } from '../../../src/core/redact/matcher.ts';
import { newCounts } from '../../../src/core/redact/rules.ts';
import { createSecrets } from '../../../src/core/redact/secrets.ts';
import { createScrubber, type Scrubber } from '../../../src/core/redact/stream.ts';
import { createScratch, replaceExact } from '../../../src/core/redact/text.ts';
import { secretValue } from './samples.ts';

function run(scrubber: Scrubber, chunks: readonly Uint8Array[]): string {
  return Buffer.concat([...chunks.map((chunk) => scrubber.push(chunk)), scrubber.flush()]).toString('utf8');
}

function cut(text: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...new Set([0, ...at.map((n) => n % (text.length + 1)), text.length])].sort((a, b) => a - b);
  return ends.slice(1).map((end, i) => text.slice(ends[i], end));
}

/** Text with the given values in some of their forms. */
const texts = (values: readonly string[]): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.tuple(fc.constantFrom(...values), fc.nat(), fc.nat(30)).map(([value, form, from]) => {
          const forms = formsOf(value, LIMITS.secretMinBytes);
          return (forms[form % forms.length] ?? '').slice(from % 5 === 0 ? from : 0);
        }),
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join(''));

const cases = fc
  .array(secretValue, { minLength: 1, maxLength: 4 })
  .chain((values) => fc.tuple(fc.constant(values), texts(values), fc.array(fc.nat(), { maxLength: 12 })));

describe('the streaming scrubber', () => {
  it('gives what replacing in the whole text gives, whatever the chunks', () => {
    fc.assert(
      fc.property(cases, ([values, text, at]) => {
        const secrets = createSecrets();
        values.forEach((value, i) => {
          secrets.set(`S${i}`, value);
        });
        const counts = newCounts();
        const expected = replaceExact(text, secrets.plain(), createScratch(), counts);
        const scrubber = createScrubber(secrets.plain());
        assert.equal(run(scrubber, cut(Buffer.from(text), at)), Buffer.from(expected).toString('utf8'));
        assert.deepEqual(scrubber.counts, counts);
        assert.equal(
          run(
            scrubber,
            [...Buffer.from(text)].map((byte) => Uint8Array.of(byte)),
          ),
          Buffer.from(expected).toString('utf8'),
        );
      }),
      { numRuns: 1_500 },
    );
  });

  it('leaves no form of any value in its output', () => {
    fc.assert(
      fc.property(cases, ([values, text, at]) => {
        // A value that shares its characters with the marker could be made by the marker and its neighbours.
        const kept = values.filter((value) => !/[[\]:]|S\d/.test(value));
        const secrets = createSecrets();
        kept.forEach((value, i) => {
          secrets.set(`S${i}`, value);
        });
        const output = run(createScrubber(secrets.plain()), cut(Buffer.from(text), at));
        for (const value of kept) {
          if (Buffer.byteLength(value.trim()) < LIMITS.secretMinBytes) continue;
          for (const form of formsOf(value.trim(), LIMITS.secretMinBytes))
            assert.ok(!output.includes(form), form);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('passes on at once what cannot begin a value, and holds back less than the longest one', () => {
    const value = randomBytes(24).toString('hex');
    const matcher = createMatcher([{ bytes: Buffer.from(value), name: 'KEY' }]);
    const scrubber = createScrubber(matcher);
    const event = Buffer.from('data: {"n": 1}\n\n');
    assert.equal(scrubber.push(event), event, 'the chunk itself, not a copy');
    const head = Buffer.from(`data: ${value.slice(0, 20)}`);
    assert.equal(Buffer.from(scrubber.push(head)).toString(), 'data: ');
    assert.equal(Buffer.from(scrubber.push(Buffer.from(value.slice(20)))).toString(), '[REDACTED:KEY]');
    assert.equal(scrubber.flush().length, 0);

    for (let length = 1; length < value.length; length++) {
      const fresh = createScrubber(matcher);
      const passed = fresh.push(Buffer.from(`xyz${value.slice(0, length)}`));
      assert.equal(passed.length, 3);
      assert.equal(Buffer.from(fresh.flush()).toString(), value.slice(0, length));
    }
  });

  it('never holds more than the longest value, even when values overlap without an end', () => {
    const matcher = createMatcher([{ bytes: Buffer.from('aaaaaaaa'), name: 'A' }]);
    const scrubber = createScrubber(matcher);
    let out = '';
    let pushed = 0;
    for (let i = 0; i < 1_000; i++) {
      out += Buffer.from(scrubber.push(Buffer.from('aaa'))).toString();
      pushed += 3;
    }
    out += Buffer.from(scrubber.flush()).toString();
    assert.equal(out, '[REDACTED:A]');
    assert.equal(pushed, 3_000);
    assert.deepEqual({ ...scrubber.counts.rules }, { A: 1 });
  });

  it('can be used again after a flush', () => {
    const scrubber = createScrubber(createMatcher([{ bytes: Buffer.from('secret-value'), name: 'K' }]));
    assert.equal(run(scrubber, [Buffer.from('a secret-val')]), 'a secret-val');
    assert.equal(run(scrubber, [Buffer.from('ue secret-value')]), 'ue [REDACTED:K]');
    assert.equal(scrubber.counts.count, 1);
  });

  it('finds a value of the largest size in chunks of any size', () => {
    const value = randomBytes(LIMITS.secretMaxBytes / 2).toString('hex');
    const secrets = createSecrets();
    secrets.set('BIG', value);
    const text = Buffer.from(`<${Buffer.from(value).toString('base64')}|${value}>`);
    for (const size of [1_000, 65_536]) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.subarray(i * size, (i + 1) * size),
      );
      assert.equal(run(createScrubber(secrets.plain()), chunks), '<[REDACTED:BIG]|[REDACTED:BIG]>');
    }
  });
});
