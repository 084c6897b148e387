/** Basic puts another text on the wire than the vault holds; an upstream that encodes that text must not leak it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { stage } from './stage.ts';

test('an encoding of the whole Authorization header of Basic is replaced', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    const header = Buffer.from(req.headers.authorization ?? '');
    const wire = header.subarray('Basic '.length);
    const coding = (req.url ?? '/').slice(1) as BufferEncoding;
    res.end(`${header.toString(coding)} ${wire.toString(coding)} ${wire.toString().replace(/=+$/, '')}`);
  });
  const password = randomBytes(17).toString('base64url');
  for (const user of ['me', 'me@corp.example', 'mail/token']) {
    await s.vault.set('KEY', `${user}:${password}`);
    for (const coding of ['hex', 'base64', 'base64url', 'utf8']) {
      const answer = await s.call({
        headers: { 'X-AS-Target-URL': `${up.origin}/${coding}`, 'X-AS-Inject-Basic': 'KEY' },
      });
      assert.equal(answer.text.split('[REDACTED:KEY]').length - 1, 3, `${coding}: ${answer.text}`);
      assert.equal(answer.headers['x-as-redacted'], 'true');
    }
  }
});
