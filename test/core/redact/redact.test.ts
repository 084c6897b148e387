import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { serializeEntry } from '../../../src/core/canonical.ts';
import { type Entry, EntrySchema, GENESIS_PREV } from '../../../src/core/entry.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { createRedactor, type Redactor } from '../../../src/core/redact/redact.ts';
import { cardDigits, SAMPLES, secretValue } from './samples.ts';

/** As text: the bytes themselves are good until the redactor's next call only. */
const textFrom = (redactor: Redactor, of: Entry): string => Buffer.from(redactor.redactEntry(of)).toString();

const entry = (over: Partial<Entry> = {}): Entry => ({
  v: 1,
  id: `log_${'0'.repeat(26)}`,
  index: 0,
  prev: GENESIS_PREV,
  ts: '2026-11-20T10:11:12.123Z',
  type: 'tool.call',
  phase: 'post_exec',
  tenant_id: 'local',
  source: { surface: 'sdk', assurance: 'observed', recorder_id: 'rec_1', recorder_version: '0.1.0', seq: 0 },
  ...over,
});

const stored = (redactor: ReturnType<typeof createRedactor>, over: Partial<Entry>): Entry =>
  EntrySchema.parse(JSON.parse(textFrom(redactor, entry(over))));

const password = (): string => `p${randomBytes(12).toString('base64url')}`;

describe('redactEntry', () => {
  it('gives the canonical text of an entry that holds nothing to hide', () => {
    const clean = entry({ reason: 'refund asked for by phone', outcome: { status: 'ok' } });
    assert.equal(textFrom(createRedactor(), clean), serializeEntry(clean));
  });

  it('replaces an exact value everywhere under its name, member names included', () => {
    const value = password();
    const redactor = createRedactor();
    redactor.setSecret('DB', value);
    const text = textFrom(
      redactor,
      entry({
        reason: `it is ${value}`,
        run_id: value,
        metadata: { [value]: [value, { deep: `x${value}y` }] },
        new_field: value,
      }),
    );
    assert.ok(!text.includes(value));
    const { reason, run_id, metadata, new_field } = JSON.parse(text);
    assert.deepEqual(
      { reason, run_id, metadata, new_field },
      {
        reason: 'it is [REDACTED:DB]',
        run_id: '[REDACTED:DB]',
        metadata: { '[REDACTED:DB]': ['[REDACTED:DB]', { deep: 'x[REDACTED:DB]y' }] },
        new_field: '[REDACTED:DB]',
      },
    );
  });

  it('forgets a value that was deleted or replaced', () => {
    const [first, second] = [password(), password()];
    const redactor = createRedactor();
    redactor.setSecret('DB', first);
    redactor.setSecret('DB', second);
    assert.equal(redactor.redactText(`${first} ${second}`).value, `${first} [REDACTED:DB]`);
    redactor.deleteSecret('DB');
    assert.equal(redactor.redactText(second).value, second);
  });

  it('does not search for values that would match by chance, and says so', () => {
    const redactor = createRedactor();
    assert.equal(redactor.setSecret('PIN', 'x'.repeat(LIMITS.secretMinBytes - 1)), false);
    assert.equal(redactor.setSecret('PIN', 'x'.repeat(LIMITS.secretMinBytes)), true);
    assert.equal(redactor.setSecret('PIN', '  ab  \n'), false);
    assert.equal(redactor.redactText('xxxxxxx').value, 'xxxxxxx');
    assert.throws(() => redactor.setSecret('BIG', 'x'.repeat(LIMITS.secretMaxBytes + 1)), { code: 'USAGE' });
  });

  it('hides the password of a pair and of a URL by itself too, and a value without its line break', () => {
    const [a, b, c] = [password(), password(), password()];
    const redactor = createRedactor();
    redactor.setSecret('PAIR', `user:${a}`);
    redactor.setSecret('URL', `mongodb://app:${b}@db.internal/x`);
    redactor.setSecret('FILE', `${c}\n`);
    assert.equal(
      redactor.redactText(`<${a}> <user:${a}> <${b}> <${c}>`).value,
      '<[REDACTED:PAIR]> <[REDACTED:PAIR]> <[REDACTED:URL]> <[REDACTED:FILE]>',
    );
  });

  it('merges values that overlap into one marker with the name of the first', () => {
    const redactor = createRedactor();
    redactor.setSecret('A', 'aaaabbbb');
    redactor.setSecret('B', 'bbbbcccc');
    redactor.setSecret('C', 'cccc-dddd');
    const { value, rules } = redactor.redactText('aaaabbbbcccc-dddd!');
    assert.equal(value, '[REDACTED:A]!');
    assert.deepEqual({ ...rules }, { A: 1 });
  });

  it('does not give a value away by its name or by the marker', () => {
    const redactor = createRedactor();
    redactor.setSecret('hunter2-name', 'hunter2');
    redactor.setSecret('W', 'REDACTED');
    const { value } = redactor.redactText('it was hunter2');
    assert.equal(value, 'it was [REDACTED:secret]');
  });

  it('replaces what stands under a secret name, whatever it is, but not what cannot be a value', () => {
    const value = password();
    const redactor = createRedactor();
    redactor.setSecret('KEY', value);
    const metadata = {
      password: 'x',
      nested: [{ apiKey: 12 }, { Cookie: ['a', 'b'] }, { client_secret: { a: 1 } }],
      token: null,
      session: true,
      secret: '',
      access_token: value,
      authorization: `Bearer ${value}`,
      token_count: 12,
    };
    const out = stored(redactor, { metadata, outcome: { status: 'ok' } });
    assert.deepEqual(out.metadata, {
      password: '[REDACTED:key-name]',
      nested: [
        { apiKey: '[REDACTED:key-name]' },
        { Cookie: '[REDACTED:key-name]' },
        { client_secret: '[REDACTED:key-name]' },
      ],
      token: null,
      session: true,
      secret: '',
      access_token: '[REDACTED:KEY]',
      authorization: '[REDACTED:key-name]',
      token_count: 12,
    });
    assert.deepEqual(out.outcome?.redaction, { count: 6, rules: { KEY: 1, 'key-name': 5 } });
  });

  it('hides numbers that are card numbers or known values', () => {
    fc.assert(
      fc.property(cardDigits, (digits) => {
        const redactor = createRedactor();
        redactor.setSecret('PIN', '123456789');
        const out = stored(redactor, {
          metadata: { card: Number(digits), pin: 123456789, n: 1234567, x: 4.5 },
        });
        assert.deepEqual(out.metadata, {
          card: '[REDACTED:card]',
          pin: '[REDACTED:PIN]',
          n: 1234567,
          x: 4.5,
        });
      }),
    );
  });

  it('adds to the counts that a scrubber left, and leaves an entry without outcome without counts', () => {
    const redactor = createRedactor();
    const outcome = { status: 'ok' as const, redaction: { count: 2, rules: { KEY: 2 } } };
    const out = stored(redactor, { reason: 'ann@example.com', outcome });
    assert.deepEqual(out.outcome, { status: 'ok', redaction: { count: 3, rules: { KEY: 2, email: 1 } } });
    assert.deepEqual(outcome.redaction, { count: 2, rules: { KEY: 2 } }, 'the given object is not changed');
    assert.equal(stored(redactor, { reason: 'ann@example.com' }).outcome, undefined);
  });

  it('keeps counts whose names look like secrets', () => {
    const rules = { API_TOKEN: 3, password: 1 };
    const out = stored(createRedactor(), {
      outcome: { status: 'ok', redaction: { count: 4, rules } },
      quality: { 'secret.key': 'inferred' },
    });
    assert.deepEqual(out.outcome?.redaction, { count: 4, rules });
    assert.deepEqual(out.quality, { 'secret.key': 'inferred' });
  });

  it('keeps the address of the acting user and hides every other one', () => {
    const user = { id: 'ann@example.com', email: 'ann@example.com' };
    const redactor = createRedactor();
    const out = stored(redactor, { actor: { user }, metadata: { user: { email: 'bob@example.com' } } });
    assert.deepEqual(out.actor?.user, { id: '[REDACTED:email]', email: 'ann@example.com' });
    assert.deepEqual(out.metadata, { user: { email: '[REDACTED:email]' } });
    const only = entry({ actor: { user: { id: 'u_1', email: 'ann@example.com' } } });
    assert.equal(textFrom(redactor, only), serializeEntry(only));
  });

  it('hides a known value in the address of the acting user', () => {
    const redactor = createRedactor();
    redactor.setSecret('K', 'ann@example.com');
    assert.equal(
      stored(redactor, { actor: { user: { email: 'ann@example.com' } } }).actor?.user?.email,
      '[REDACTED:K]',
    );
  });

  it('leaves what the writer makes as it is: the chain depends on it', () => {
    const redactor = createRedactor();
    redactor.setSecret('ZEROS', '0'.repeat(8));
    redactor.setSecret('A', 'AAAAAAAA');
    redactor.setSecret('DAY', '2026-11-20');
    redactor.setSecret('WORD', 'observed');
    const out = entry();
    assert.equal(textFrom(redactor, out), serializeEntry(out));
  });

  it('keeps hashes and ids in our own formats, whatever digits are in them', () => {
    fc.assert(
      fc.property(cardDigits, fc.stringMatching(/^[0-9a-f]{48}$/), (digits, rest) => {
        const hash = (digits + rest).slice(0, 64);
        const whole = entry({
          run_id: `run_${digits.padEnd(26, '0').slice(0, 26)}`,
          trace: { trace_id: `${digits}${rest}`.slice(0, 32) },
          action: { name: 'x', key: hash.slice(0, 32), args_hash: hash, target: { query_hash: hash } },
          decision: {
            outcome: 'allow',
            layers: [{ layer: 'allowlist', result: 'pass', us: 12.345678901234 }],
            policy: { id: 'p', version: '1', hash },
          },
          outcome: { status: 'ok', request_hash: hash, result_hash: hash, bytes_in: Number(digits) },
        });
        assert.equal(textFrom(createRedactor(), whole), serializeEntry(whole));
      }),
    );
  });

  it('numbers members whose names became equal instead of dropping one', () => {
    const out = stored(createRedactor(), { metadata: { 'a@example.com': 1, 'b@example.com': 2 } });
    assert.deepEqual(out.metadata, { '[REDACTED:email]': 1, '[REDACTED:email]#2': 2 });
  });

  it('keeps an own member called __proto__', () => {
    const metadata: Record<string, unknown> = JSON.parse('{"__proto__":{"a":"ann@example.com"},"b":1}');
    assert.match(
      textFrom(createRedactor(), entry({ metadata })),
      /"metadata":\{"__proto__":\{"a":"\[REDACTED:email\]"\},"b":1\}/,
    );
  });

  it('refuses what it cannot look through', () => {
    const redactor = createRedactor();
    const many = Array.from({ length: LIMITS.jsonNodes }, () => 'ann@example.com');
    const ring: Record<string, unknown> = {};
    ring.a = ring;
    for (const metadata of [
      { many },
      ring,
      { at: new Date(0) },
      { data: Buffer.from('ann@example.com') },
      { f: () => 1 },
    ]) {
      assert.throws(() => textFrom(redactor, entry({ metadata, reason: 'ann@example.com' })), {
        code: 'BAD_EVENT',
      });
      if (!('f' in metadata)) assert.throws(() => redactor.redactValue(metadata), { code: 'BAD_EVENT' });
    }
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(secretValue, fc.constantFrom(...Object.keys(SAMPLES)), fc.nat(), (value, name, seed) => {
        const redactor = createRedactor();
        redactor.setSecret('S', value);
        const [sample = ''] = fc.sample(SAMPLES[name] ?? fc.constant(''), { numRuns: 1, seed });
        const first = textFrom(
          redactor,
          entry({ reason: `${sample} ${value}`, metadata: { password: value, list: [sample] } }),
        );
        assert.equal(textFrom(redactor, JSON.parse(first)), first);
      }),
      { numRuns: 500 },
    );
  });
});

describe('redact, redactValue and redactText', () => {
  it('give the value, the count and the rules, and pass clean values on as they are', () => {
    const redactor = createRedactor({ names: ['patient'] });
    const clean = { type: 'custom', metadata: { a: [1, 'x', null] } };
    assert.equal(redactor.redact(clean).value, clean);
    const event = { type: 'custom', action: { name: 'x', args: { patient: 'Ann' } } };
    const { value, count, rules } = redactor.redact(event);
    assert.deepEqual(value, {
      type: 'custom',
      action: { name: 'x', args: { patient: '[REDACTED:key-name]' } },
    });
    assert.equal(count, 1);
    assert.deepEqual({ ...rules }, { 'key-name': 1 });
    assert.deepEqual(redactor.redactValue(['ann@example.com', { id: 'bob@example.com' }]).value, [
      '[REDACTED:email]',
      { id: '[REDACTED:email]' },
    ]);
    assert.equal(redactor.redactValue('ann@example.com').value, '[REDACTED:email]');
  });

  it('treat no member of a free value as one of ours', () => {
    const redactor = createRedactor();
    const value = { secret: { key: 'x' }, actor: { user: { email: 'ann@example.com' } } };
    assert.deepEqual(redactor.redactValue(value).value, {
      secret: '[REDACTED:key-name]',
      actor: { user: { email: '[REDACTED:email]' } },
    });
    assert.deepEqual(redactor.redact(value).value, value);
  });

  it('scrub a stream with the values set so far', () => {
    const value = password();
    const redactor = createRedactor();
    redactor.setSecret('K', value);
    const scrubber = redactor.scrubber();
    const out = [
      scrubber.push(Buffer.from(`a ${value.slice(0, 4)}`)),
      scrubber.push(Buffer.from(`${value.slice(4)} b`)),
      scrubber.flush(),
    ];
    assert.equal(Buffer.concat(out).toString(), 'a [REDACTED:K] b');
  });
});
