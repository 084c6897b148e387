import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CREDENTIAL_RULES } from '../../../src/core/redact/credentials.ts';
import { isIban } from '../../../src/core/redact/iban.ts';
import { createSecretNames } from '../../../src/core/redact/keys.ts';
import { assignmentRule } from '../../../src/core/redact/names-in-text.ts';
import { PERSONAL_RULES, passesLuhn } from '../../../src/core/redact/personal.ts';
import { applyRules, newCounts, type Rule } from '../../../src/core/redact/rules.ts';
import { URL_RULES } from '../../../src/core/redact/urls.ts';
import { cardDigits, iban, SAMPLES } from './samples.ts';

const RULES: readonly Rule[] = [
  ...CREDENTIAL_RULES,
  ...URL_RULES,
  assignmentRule(createSecretNames()),
  ...PERSONAL_RULES,
];

function redact(
  text: string,
  rules: readonly Rule[] = RULES,
): { text: string; rules: Record<string, number> } {
  const counts = newCounts();
  const result = applyRules(text, rules, counts);
  return { text: result, rules: { ...counts.rules } };
}

const only = (name: string): readonly Rule[] => RULES.filter((rule) => rule.name === name);

describe('pattern rules', () => {
  it('have a sample each', () => {
    assert.deepEqual(RULES.map((rule) => rule.name).sort(), Object.keys(SAMPLES).sort());
  });

  for (const [name, samples] of Object.entries(SAMPLES)) {
    it(`find ${name} alone, in a sentence, and twice`, () => {
      fc.assert(
        fc.property(samples, samples, (first, second) => {
          for (const text of [first, `see ${first}`, `(${first})`, `\n${first}\n`, `${first}, then`]) {
            assert.equal(redact(text, only(name)).rules[name], 1, JSON.stringify(text));
            assert.ok(redact(text).text.includes('[REDACTED:'), text);
          }
          assert.equal(redact(`${first} ; ${second}`, only(name)).rules[name], 2);
        }),
      );
    });
  }

  it('replace the secret part and keep what says where it was', () => {
    assert.equal(
      redact('postgres://app:hunter22@db/x').text,
      'postgres://app:[REDACTED:connection-string]@db/x',
    );
    assert.equal(redact('GET /f?a=1&sig=abcdef12&b=2').text, 'GET /f?a=1&sig=[REDACTED:url-parameter]&b=2');
    assert.equal(
      redact('-H "Authorization: Bearer abcdefghijkl1"').text,
      '-H "Authorization: Bearer [REDACTED:authorization]"',
    );
    assert.equal(redact('DB_PASSWORD=hunter ls').text, 'DB_PASSWORD=[REDACTED:assignment] ls');
    assert.equal(redact('mail ann.b@example.com.').text, 'mail [REDACTED:email].');
    const id = `run_${'0'.repeat(26)}`;
    assert.equal(redact(`${id}.${'a'.repeat(43)}`).text, `${id}.[REDACTED:tally-token]`);
  });

  it('leave alone what only looks like it', () => {
    for (const text of [
      'order 1234567890123456 of 2026-11-20 10:11:12.123456',
      '4111111111111112',
      '0.4111111111111111',
      'x4111111111111111',
      '41111111111111111111111111',
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '5b0f3c1a-1234-4123-8123-123456789012',
      'DE89 3704 0044 0532 0130 01',
      'AB12CDEFGHIJKLMNOP',
      'git@github.com:owner/name.git',
      'npm install @scope/name@1.2.3',
      'user@localhost',
      'UTC+01:00 and 1+10000000 and +12',
      'task-force-of-many-words-and-more, disk-usage',
      'sk-learn-is-a-great-library-indeed',
      'max_tokens: 4096, token_count=12, the token: expired',
      'password: true, secret=null',
      'https://example.com:8080/a@b',
      'https://example.com/?q=1&page=2&design=x',
      'the bearer of responsibilities',
      'run_01JD2M8Q6Z5V3T9K7W4X1Y0ABC.json',
      'AKIA and ghp_ and xoxb-',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    ]) {
      assert.equal(redact(text).text, text);
    }
  });

  it('take a private key whose end was cut off, and one with headers', () => {
    const pem = (kind: string): string => `-----${kind} RSA PRIVATE KEY-----`;
    assert.equal(redact(`x ${pem('BEGIN')}\nMIIabc`).text, 'x [REDACTED:private-key]');
    const headers = 'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMII';
    assert.equal(redact(`${pem('BEGIN')}\n${headers}\n${pem('END')} y`).text, '[REDACTED:private-key] y');
  });

  it('find two numbers that stand next to each other', () => {
    fc.assert(
      fc.property(iban, iban, cardDigits, cardDigits, (a, b, c, d) => {
        assert.equal(redact(`${a} ${b}`, only('iban')).rules.iban, 2, `${a} ${b}`);
        assert.equal(redact(`${c} ${d}`, only('card')).rules.card, 2, `${c} ${d}`);
      }),
    );
  });

  it('leave what an earlier step replaced as it is', () => {
    for (const text of ['password=[REDACTED:DB]', '?token=[REDACTED:KEY]', 'a://u:[REDACTED:DB]@h']) {
      assert.equal(redact(text).text, text);
    }
  });

  it('leave well-formed text behind', () => {
    const faces = '\u{1f600}'.repeat(80);
    assert.ok(redact(`${faces}@example.com`).text.isWellFormed());
  });

  it('do the arithmetic of Luhn and of IBANs', () => {
    fc.assert(
      fc.property(cardDigits, iban, fc.nat(9), (card, account, digit) => {
        assert.ok(passesLuhn(card));
        assert.ok(isIban(account.replaceAll(' ', '')));
        const wrong = card.slice(0, -1) + String(digit);
        assert.equal(passesLuhn(wrong), wrong === card);
      }),
    );
    assert.ok(isIban('GB82WEST12345698765432'));
    assert.ok(!isIban('GB82WEST12345698765433'));
    assert.ok(!isIban('GB82WEST1234569876543'));
    assert.ok(!isIban('ZZ82WEST12345698765432'));
  });
});

describe('pattern rules on hostile text', () => {
  const MEGABYTE = 1_000_000;
  const fill = (piece: string): string => piece.repeat(Math.ceil(MEGABYTE / piece.length)).slice(0, MEGABYTE);
  const PIECES = [
    ...['a', '0', '4', ' ', '-', '.', '@', '=', ':', '"', '\\', '+', '_', '/', 'A', '\n', '\u{1f600}'],
    ...[
      'a@',
      'a.',
      '@a.',
      'a@a',
      'a@b-',
      'a@b.',
      `${'a'.repeat(64)}@`,
      `a@${'-'.repeat(254)}`,
      `a@${'b.'.repeat(120)}`,
    ],
    ...['eyJ', 'eyJa.', 'eyJaaaaaaaa.', '.eyJaaaaaaaa', `eyJ${'a'.repeat(8_000)} `, '-eyJaaaaaaaaaa'],
    ...[
      '-----BEGIN ',
      '-----BEGIN PRIVATE KEY-----',
      '-----BEGIN PRIVATE KEY-----\n-',
      '-----BEGIN A A A A A ',
    ],
    ...['://', '://a:', '://a:b', `://${'a'.repeat(128)}:`, '://:', '?sig=', '?sig=a', '&token=', '?token=&'],
    ...[
      'sk-',
      'sk-a',
      'ghp_',
      'ghp_a',
      'xoxb-',
      'SG.',
      'SG.a',
      `SG.${'a'.repeat(64)}.`,
      'AKIA',
      'npm_',
      'whsec_',
      'glpat-',
    ],
    ...[
      'password',
      'password=',
      'password:',
      'password: a',
      'api_key',
      'api key ',
      'passwordtoken=',
      '\\"password\\":',
    ],
    ...['bearer ', 'basic a', 'bearer  bearer', `bearer ${'a'.repeat(4_000)} `],
    ...[
      '4111 ',
      '4111-1111-1111-',
      '4 1',
      '41111111111111111',
      'DE89',
      'DE89 ',
      'DE8937040044',
      'AB12 CDEF ',
      'A1',
    ],
    ...['+1', '+1 ', '+1 (', '+1234567', '+1 2 3 4 5 6 7'],
    ...['run_', `run_${'0'.repeat(26)}.`, 'https://hooks.slack.com/', 'hooks.slack.com/services/'],
  ];

  it('end in bounded time, piece by piece and rule by rule', { timeout: 300_000 }, () => {
    for (const piece of PIECES) {
      const text = fill(piece);
      for (const rule of RULES) {
        const start = performance.now();
        applyRules(text, [rule], newCounts());
        const ms = performance.now() - start;
        assert.ok(
          ms < 2_000,
          `${rule.name} took ${Math.round(ms)} ms on ${JSON.stringify(piece.slice(0, 40))}`,
        );
      }
    }
  });
});
