import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ERROR_CODES, type ErrorCode, TallyError } from '../../src/core/error.ts';
import { isSecretErrorKind, SECRET_ERRORS, secretErrorKind } from '../../src/core/secret-errors.ts';

const spec = readFileSync(new URL('../../spec/secrets.md', import.meta.url), 'utf8');

test('the kinds of errors are those of the specification, in its words', () => {
  const rows = [...spec.slice(spec.indexOf('## 5.')).matchAll(/^\| `(\w+)` \| (.*) \|$/gm)];
  assert.deepEqual(Object.fromEntries(rows.map(([, kind, when]) => [kind, when])), SECRET_ERRORS);
  assert.ok(rows.length >= 25, `${rows.length} kinds`);
});

test('whatever is thrown has a kind: what it names itself, else what its code stands for, else a bug', () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    assert.ok(isSecretErrorKind(secretErrorKind(new TallyError(code, 'x', { hint: 'x' }))), code);
    const named = new TallyError(code, 'x', { hint: 'x', details: { kind: 'provider_timeout' } });
    assert.equal(secretErrorKind(named), 'provider_timeout');
    const odd = new TallyError(code, 'x', { hint: 'x', details: { kind: 'constructor' } });
    assert.ok(isSecretErrorKind(secretErrorKind(odd)), code);
  }
  for (const thrown of [new TypeError('x'), 'text', undefined, { code: 'LOG_FULL' }])
    assert.equal(secretErrorKind(thrown), 'internal');
});
