import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { packs, redact } from '../../src/sdk/redact.ts';
import { stage } from './stage.ts';

it('redact takes out what the log would, and what packs and secrets add', () => {
  const secret = randomBytes(16).toString('hex');
  const given = { note: 'ssn 078-05-1120, mail kim@example.com', diagnosis: 'flu', key: `x ${secret}`, n: 1 };
  const before = structuredClone(given);
  const clean = redact(given, { packs: [packs.us, packs.health], secrets: { SHOP: secret } });
  assert.deepEqual(clean, {
    note: 'ssn [REDACTED:us-ssn], mail [REDACTED:email]',
    diagnosis: '[REDACTED:key-name]',
    key: 'x [REDACTED:SHOP]',
    n: 1,
  });
  assert.deepEqual(given, before);
  assert.equal(redact('card 4111 1111 1111 1111'), 'card [REDACTED:card]');
  assert.equal(redact('nino AB 12 34 56 C', { packs: [packs.uk] }), 'nino [REDACTED:uk-nino]');
  assert.throws(() => redact('x', { packs: [{ patterns: [{ name: 'bad', pattern: '(a+)+b' }] }] }), {
    code: 'BAD_CONFIG',
  });
});

it('a program’s own packs and secrets are taken out before anything leaves it; its arguments are hashed as they are', async (t) => {
  const secret = randomBytes(16).toString('hex');
  const box = await stage(t, { tally: { redact: [packs.us] } });
  box.tally.protect('SHOP', secret);
  await box.tally.run(async (run) => {
    const hashes = [];
    for (const ssn of ['078-05-1120', '078-05-1121']) {
      await run.act(
        { name: 'look', args: { ssn }, reason: `for ${ssn}, with ${secret}`, metadata: { [secret]: ssn } },
        () => 1,
      );
      hashes.push(box.entries('tool.call').at(-1)?.action?.args_hash);
    }
    assert.notEqual(hashes[0], hashes[1]);
  });
  const text = JSON.stringify(box.entries());
  assert.doesNotMatch(text, new RegExp(`078-05-112|${secret}`));
  assert.match(text, /for \[REDACTED:us-ssn\], with \[REDACTED:SHOP\]/);
});
