import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createRedactor } from '../../../src/core/redact/redact.ts';
import { createSecrets } from '../../../src/core/redact/secrets.ts';
import { createScrubber } from '../../../src/core/redact/stream.ts';

const password = (): string => randomBytes(12).toString('base64url');

function scrubbed(value: string, text: string): string {
  const secrets = createSecrets();
  secrets.set('PAIR', value);
  const scrubber = createScrubber(secrets.plain());
  return Buffer.concat([scrubber.push(Buffer.from(text)), scrubber.flush()]).toString();
}

function redacted(value: string, text: string): string {
  const redactor = createRedactor();
  redactor.setSecret('PAIR', value);
  return redactor.redactText(text).value;
}

describe('a value of the form user:password', () => {
  it('hides its password alone, whatever the user name looks like', () => {
    for (const user of ['me', 'me@corp.example', 'mail/token', 'Jane Doe', 'me@corp.example/token']) {
      const secret = password();
      for (const hide of [scrubbed, redacted])
        assert.equal(hide(`${user}:${secret}`, `it is ${secret}.`), 'it is [REDACTED:PAIR].', user);
    }
  });

  it('hides a password with spaces in it', () => {
    const secret = `${password()} ${password()}`;
    for (const hide of [scrubbed, redacted])
      assert.equal(hide(`me:${secret}\n`, `it is ${secret}.`), 'it is [REDACTED:PAIR].');
  });

  it('hides every encoding of the text that Basic puts on the wire', () => {
    for (const user of ['m', 'me', 'us1', 'me@corp.example']) {
      for (const end of ['', '\n']) {
        const secret = password();
        const value = `${user}:${secret}${end}`;
        const wire = Buffer.from(value).toString('base64');
        const header = `Basic ${wire}`;
        const echoes = [
          Buffer.from(header).toString('base64'),
          Buffer.from(header).toString('base64url'),
          Buffer.from(header).toString('hex'),
          Buffer.from(`{"authorization":"${header}"}`).toString('base64'),
          Buffer.from(wire).toString('hex').toUpperCase(),
          [...wire].map((char) => `%${char.charCodeAt(0).toString(16)}`).join(''),
        ];
        for (const echo of echoes)
          for (const hide of [scrubbed, redacted]) {
            const text = hide(value, `a ${echo} b`);
            assert.ok(text.includes('[REDACTED:PAIR]'), `${echo}: ${text}`);
          }
      }
    }
  });
});

it('encodings of the text that a query, a form or a JSON body carries are hidden', () => {
  const value = `${password()}"+ ${password()}/`;
  for (const wire of [encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])
    for (const coding of ['hex', 'base64', 'base64url'] as const) {
      const echo = Buffer.from(`k=${wire}`).toString(coding);
      assert.ok(scrubbed(value, echo).includes('[REDACTED:PAIR]'), `${wire} as ${coding}`);
    }
});

it('finds the same in the first text as after hundreds, and again after a change', () => {
  const values = Array.from({ length: 40 }, password);
  const redactor = createRedactor();
  for (const [i, value] of values.entries()) redactor.setSecret(`KEY_${i}`, value);
  const texts = values.flatMap((value) => [`it is ${value}.`, Buffer.from(`<${value}>`).toString('base64')]);
  const first = texts.map((text) => redactor.redactText(text).value);
  for (const [i, value] of values.entries()) assert.equal(first[2 * i], `it is [REDACTED:KEY_${i}].`, value);
  for (let round = 0; round < 3; round++)
    assert.deepEqual(
      texts.map((text) => redactor.redactText(text).value),
      first,
    );
  const [value = ''] = values;
  redactor.deleteSecret('KEY_0');
  assert.equal(redactor.redactText(`it is ${value}.`).value, `it is ${value}.`);
  redactor.setSecret('KEY_0', value);
  assert.equal(redactor.redactText(`it is ${value}.`).value, 'it is [REDACTED:KEY_0].');
});

it('does not show a name that holds a value', () => {
  const value = password();
  const redactor = createRedactor();
  redactor.setSecret(`KEY_${value}`, value);
  redactor.setSecret('OTHER', password());
  assert.equal(redactor.redactText(`it is ${value}.`).value, 'it is [REDACTED:secret].');
});
