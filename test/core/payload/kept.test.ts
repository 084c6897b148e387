import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../../src/core/limits.ts';
import { redactPayload, scrubPayload } from '../../../src/core/payload/kept.ts';
import { PayloadSettingSchema, payloadPolicy } from '../../../src/core/payload/policy.ts';
import { createRedactor } from '../../../src/core/redact/redact.ts';

const SECRET = `v${randomBytes(12).toString('hex')}`;
const MOST = LIMITS.payloadBytes;

function redactor() {
  const made = createRedactor();
  made.setSecret('API_KEY', SECRET);
  return made;
}

const redacted = (text: string, mediaType = 'text/plain', most = MOST): string | undefined => {
  const kept = redactPayload(Buffer.from(text), mediaType, redactor(), most);
  return kept === undefined ? undefined : Buffer.from(kept.plain).toString();
};
const scrubbed = (data: string | Buffer): string =>
  Buffer.from(scrubPayload(Buffer.from(data), redactor()).plain).toString('latin1');

/** Every character as a JSON escape that no encoder needs. */
const escaped = (text: string): string =>
  [...text].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const partly = (text: string): string => `${text.slice(0, 5)}${escaped(text.slice(5, 6))}${text.slice(6)}`;

test('JSON is redacted by names, values and patterns, in every string and every name', () => {
  const text = redacted(
    JSON.stringify({
      password: 'hunter2',
      note: `uses ${SECRET}`,
      list: [{ card: '4111 1111 1111 1111' }],
      [SECRET]: 1,
    }),
    'application/json; charset=utf-8',
  );
  const value = JSON.parse(text ?? '');
  assert.equal(value.password, '[REDACTED:key-name]');
  assert.equal(value.note, 'uses [REDACTED:API_KEY]');
  assert.match(value.list[0].card, /^\[REDACTED:/);
  assert.ok(!text?.includes(SECRET));
});

test('a value that two readers of one JSON text would read differently does not get through', () => {
  for (const text of [
    `{"a":"${SECRET}","a":"x"}`,
    `{"a":"${escaped(SECRET)}","a":"x"}`,
    `{"a":"${partly(SECRET)}"}`,
    `{"${partly(SECRET)}":1}`,
    `["\\\\","${partly(SECRET)}"]`,
    `{"a":"${partly(SECRET)}"`,
    `not json "${partly(SECRET)}"`,
  ]) {
    for (const mediaType of ['application/json', 'application/ld+json', 'text/plain']) {
      const kept = redacted(text, mediaType) ?? '';
      assert.ok(kept.includes('x') || kept.includes('[REDACTED:API_KEY]'), kept);
      assert.ok(
        !kept.includes(SECRET) && !kept.includes(partly(SECRET)) && !kept.includes(escaped(SECRET)),
        kept,
      );
    }
    const whole = scrubbed(text);
    assert.ok(
      !whole.includes(SECRET) && !whole.includes(partly(SECRET)) && !whole.includes(escaped(SECRET)),
      whole,
    );
  }
});

test('full takes out known values in all their encodings and leaves everything else as it came', () => {
  const card = '4111 1111 1111 1111';
  const forms = [
    SECRET,
    Buffer.from(SECRET).toString('base64'),
    Buffer.from(SECRET).toString('hex'),
    escaped(SECRET),
  ];
  for (const form of forms) {
    const text = `{"password": "x",  "card":"${card}", "k":"${form}"}`;
    assert.equal(scrubbed(text), text.replace(form, '[REDACTED:API_KEY]'));
  }
  const binary = Buffer.concat([Buffer.from([0xff, 0, 0x80]), Buffer.from(SECRET), Buffer.from([0xc3])]);
  assert.equal(scrubbed(binary), `\xff\0\x80[REDACTED:API_KEY]\xc3`);
  assert.equal(scrubbed(Buffer.from(SECRET, 'utf16le')), '[REDACTED:API_KEY]\0');
});

test('what is no text cannot be redacted', () => {
  assert.equal(redactPayload(Buffer.from([0xff, 0xfe]), 'text/plain', redactor(), MOST), undefined);
  assert.equal(redactPayload(Buffer.from(SECRET, 'utf16le'), 'text/plain', redactor(), MOST), undefined);
});

test('a secret that would be cut in two is taken out before the cut', () => {
  for (let before = 0; before < 40; before++) {
    const kept = redacted(`${'x'.repeat(before)}${SECRET}`, 'text/plain', 30) ?? '';
    assert.ok(Buffer.byteLength(kept) <= 30);
    assert.ok(!kept.includes(SECRET.slice(0, 6)), kept);
  }
});

test('JSON that is deeper or larger than redaction walks is redacted as text', () => {
  const deep = `${'['.repeat(500)}"${SECRET}"${']'.repeat(500)}`;
  assert.equal(redacted(deep, 'application/json'), deep.replace(SECRET, '[REDACTED:API_KEY]'));
  const wide = `[${'1,'.repeat(30_000)}"${SECRET}"]`;
  assert.ok(redacted(wide, 'application/json')?.endsWith('"[REDACTED:API_KEY]"]'));
});

test('no bytes make it fail, and it never keeps more than its bound', () => {
  const plain = redactor();
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('application/json', 'text/plain', ''),
      fc.nat(50),
      (data, type, most) => {
        const kept = redactPayload(data, type, plain, most);
        if (kept !== undefined) assert.ok(kept.plain.length <= most);
        scrubPayload(data, plain);
      },
    ),
  );
  fc.assert(
    fc.property(fc.json(), (json) => {
      const kept = redactPayload(Buffer.from(json), 'application/json', createRedactor(), MOST);
      assert.ok(kept);
      // Stored JSON stays JSON.
      JSON.parse(Buffer.from(kept.plain).toString());
    }),
  );
});

test('the nearest rule says what is kept; without one, the surface', () => {
  const policy = payloadPolicy({
    keep: {
      'tool.call': 'full',
      'model.call': { prompt: 'hash', '*': 'redacted' },
      'http.call': { body: 'redacted' },
      '*': { scratch: 'none' },
    },
  });
  assert.equal(policy.maxBytes, LIMITS.payloadKeptBytes);
  assert.equal(policy.keep('tool.call', 'anything', 'proxy'), 'full');
  assert.equal(policy.keep('model.call', 'prompt', 'sdk'), 'hash');
  assert.equal(policy.keep('model.call', 'result', 'proxy'), 'redacted');
  assert.equal(policy.keep('http.call', 'body', 'proxy'), 'redacted');
  assert.equal(policy.keep('http.call', 'other', 'proxy'), 'none');
  assert.equal(policy.keep('custom', 'scratch', 'sdk'), 'none');
  for (const surface of ['sdk', 'mcp', 'hook', 'otlp'] as const)
    assert.equal(policy.keep('custom', 'x', surface), 'redacted');
  for (const surface of ['proxy', 'http', 'cli', 'secrets', 'server'] as const)
    assert.equal(policy.keep('custom', 'x', surface), 'none');
  for (const name of ['constructor', '__proto__', 'toString'])
    assert.equal(policy.keep(name, name, 'cli'), 'none');
});

test('a setting that is not understood is refused', () => {
  for (const bad of [
    { keep: { 'tool.call': 'everything' } },
    { keep: { 'Tool Call': 'full' } },
    { keep: { 'tool.call': { 'A B': 'full' } } },
    { max_bytes: 0 },
    { max_bytes: MOST + 1 },
    { kept: {} },
    'full',
  ])
    assert.equal(PayloadSettingSchema.safeParse(bad).success, false, JSON.stringify(bad));
  assert.ok(PayloadSettingSchema.safeParse({}).success);
});
