import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { TallyError } from '../../src/core/error.ts';
import { loadConfig, parseConfig } from '../../src/open/config.ts';

function failure(text: string): TallyError {
  try {
    parseConfig(text, 'config.yaml');
  } catch (error) {
    assert.ok(error instanceof TallyError);
    assert.equal(error.code, 'BAD_CONFIG');
    assert.ok(error.hint);
    return error;
  }
  throw new assert.AssertionError({ message: `accepted: ${text}` });
}

test('a missing, empty or commented-out file means the defaults', () => {
  assert.deepEqual(loadConfig(join(tmpdir(), 'no-such-tally-config.yaml')), {
    allow_observe: false,
    anchors: [],
  });
  assert.deepEqual(parseConfig('', 'c'), { allow_observe: false, anchors: [] });
  assert.deepEqual(parseConfig('# port: 1\n', 'c'), { allow_observe: false, anchors: [] });
});

test('every setting is read', () => {
  assert.deepEqual(parseConfig('allow_observe: true\nport: 9000\n', 'c'), {
    allow_observe: true,
    port: 9000,
    anchors: [],
  });
});

test('what is kept of payloads is read per type and class, and refused where it is not understood', () => {
  const text =
    'payloads:\n  max_bytes: 4096\n  keep:\n    tool.call: full\n    model.call: { prompt: hash, "*": none }\n';
  assert.deepEqual(parseConfig(text, 'c').payloads, {
    max_bytes: 4096,
    keep: { 'tool.call': 'full', 'model.call': { prompt: 'hash', '*': 'none' } },
  });
  for (const [wrong, message, hint] of [
    ['payloads: { keep: { tool.call: all } }', /payloads\.keep\.tool\.call/, /none, hash, redacted and full/],
    ['payloads: { keep: { "Tool Call": full } }', /payloads\.keep/, /none, hash, redacted and full/],
    ['payloads: { max_bytes: 0 }', /payloads\.max_bytes/, /max_bytes/],
    ['payloads: { kept: {} }', /unknown key "kept"/, /known keys: max_bytes, keep/],
    ['payloads: full', /payloads/, /keep/],
  ] as const) {
    const error = failure(wrong);
    assert.match(error.message, message);
    assert.match(error.hint ?? '', hint);
  }
});

test('an unknown key is refused with its line and what was probably meant', () => {
  const error = failure('port: 9000\nallow_obsrve: true\n');
  assert.match(error.message, /^config\.yaml:2:1: unknown key "allow_obsrve"/);
  assert.match(error.hint ?? '', /did you mean allow_observe/);
  assert.deepEqual(error.details, { path: 'config.yaml', line: 2, column: 1 });
});

test('a setting that this version does not carry out is refused, not ignored', () => {
  assert.match(failure('sinks: { all: true }\n').message, /not carried out/);
});

test('a value of the wrong kind is refused where it stands', () => {
  assert.match(failure('\nport: "high"\n').message, /config\.yaml:2:7: port/);
  assert.match(failure('port: 70000\n').message, /config\.yaml:1:7: port/);
  assert.match(failure('allow_observe: yes\n').hint ?? '', /true or false/);
  assert.match(failure('- port\n').message, /config\.yaml:1:1/);
});

test('YAML that two readers would read differently is refused', () => {
  for (const text of ['port: 1\nport: 2\n', 'a: &x 1\nb: *x\n', 'port: [', '%YAML 1.1\n---\nport: 1\n'])
    failure(text);
});

test('no text makes it fail in another way', () => {
  const word = fc.constantFrom(
    'port',
    'allow_observe',
    ':',
    ' ',
    '\n',
    '-',
    '{',
    '}',
    '"',
    '*',
    '&',
    '1',
    'true',
    '\t',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          assert.equal(typeof parseConfig(text, 'c').allow_observe, 'boolean');
        } catch (error) {
          assert.ok(error instanceof TallyError && error.code === 'BAD_CONFIG');
        }
      },
    ),
  );
});

test('a file that other users could have written is refused', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tally-config-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'config.yaml');
  writeFileSync(path, 'port: 9000\n', { mode: 0o600 });
  assert.equal(loadConfig(path).port, 9000);
  chmodSync(path, 0o622);
  assert.throws(() => loadConfig(path), { code: 'BAD_CONFIG' });
});

test('who has to give a reason for a secret, and what holds without a log, is read from this file alone', () => {
  const text =
    'secrets:\n  require_reason: always\n  failure: closed\n  profiles: { production: { require_reason: always } }\naudit: { enabled: false }\n';
  const { secrets, auditSecrets } = parseConfig(text, 'c');
  assert.deepEqual(secrets, {
    require_reason: 'always',
    failure: 'closed',
    profiles: { production: { require_reason: 'always' } },
  });
  assert.equal(auditSecrets, false);
  assert.equal(parseConfig('audit: { enabled: true }\n', 'c').auditSecrets, undefined);
  assert.match(failure('secrets: { require_reason: sometimes }').message, /secrets\.require_reason/);
  assert.match(failure('secrets: { reason: never }').message, /unknown key "reason"/);
});
