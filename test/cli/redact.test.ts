import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { makeHome } from './home.ts';

describe('tally redact', () => {
  it('takes known secrets, personal data and named members out of text, JSON and JSON lines', async (t) => {
    const home = makeHome(t);
    const secret = randomBytes(18).toString('base64url');
    assert.equal((await home.tally(['secrets', 'set', 'SHOP_KEY'], { stdin: secret })).code, 0);
    const text = await home.tally(['redact'], { stdin: `card 4111 1111 1111 1111\nkey ${secret}\n` });
    assert.equal(text.code, 0, text.stderr);
    assert.equal(text.stdout, 'card [REDACTED:card]\nkey [REDACTED:SHOP_KEY]\n');
    const given = ['--name', 'diagnosis', '--pattern', 'staff=EMP-[0-9]{6}'];
    const lines = await home.tally(['redact', ...given], {
      stdin: '{"diagnosis":"flu","by":"EMP-123456"}\n\n{"n": 1.0}\n',
    });
    assert.equal(lines.stdout, '{"diagnosis":"[REDACTED:key-name]","by":"[REDACTED:staff]"}\n\n{"n": 1.0}\n');
    assert.match(lines.stderr, /2 values taken out: key-name 1, staff 1/);
    assert.doesNotMatch(text.stdout + text.stderr + lines.stderr, new RegExp(secret));
  });

  it('checks without writing, and refuses what it cannot look through', async (t) => {
    const home = makeHome(t);
    const found = await home.tally(['redact', '--check'], { stdin: '{"password": "hunter2hunter2"}' });
    assert.deepEqual([found.code, found.stdout], [1, '']);
    const clean = await home.tally(['redact', '--check'], { stdin: 'nothing here' });
    assert.equal(clean.code, 0);
    const bytes = await home.tally(['redact'], { stdin: Buffer.from([0xff, 0xfe, 0x00]) });
    assert.equal(bytes.code, 2);
    assert.match(bytes.error().message, /no text in UTF-8/);
  });
});
