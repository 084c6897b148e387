import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from './home.ts';

test('tally log replay: what was decided agrees, what was altered is named, and another policy is held against it', async (t) => {
  const home = makeHome(t);
  assert.equal((await home.tally(['policy', 'allow', 'api.example.com'])).code, 0);
  const { started } = await home.up();
  const [, api] = /api\s+(http:\S+)\/decisions/.exec(started.output()) ?? [];
  assert.ok(api !== undefined, started.output());
  for (const host of ['api.example.com', 'api.example.com', 'other.example']) {
    const target = { scheme: 'https', host, method: 'GET' };
    const response = await fetch(`${api}/decisions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ action: { name: 'http.call', target }, agent_id: 'builder' }),
    });
    assert.equal(response.status, 200);
  }
  started.process.kill('SIGTERM');
  await started.ended;

  const own = await home.tally(['log', 'replay', '--json']);
  assert.equal(own.code, 0, own.stderr);
  assert.deepEqual([own.json().decisions, own.json().agree], [3, 3]);

  const policy = join(home.directory, 'other.yaml');
  writeFileSync(policy, 'version: "2"\nidentity: { anonymous: allow, declared: allow }\nallowlist: []\n');
  const other = await home.tally(['log', 'replay', '--policy', policy]);
  assert.equal(other.code, 1, other.stderr);
  assert.match(other.stdout, /0 the same, 3 decided otherwise, 0 undecidable/);
  assert.match(other.stdout, /allow → stop +empty_allowlist +builder +api\.example\.com +2/);
  assert.equal((await home.tally(['log', 'replay', 'run_unknown'])).code, 3);
  assert.equal((await home.tally(['log', 'replay', '--policy', 'no-such.yaml'])).code, 3);

  const copy = join(home.directory, 'copy');
  cpSync(home.log, copy, { recursive: true });
  const [segment = ''] = readdirSync(join(copy, 'entries'));
  const file = join(copy, 'entries', segment);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"outcome":"stop"', '"outcome":"allow"'));
  const altered = await home.tally(['log', 'replay', '--dir', copy]);
  assert.equal(altered.code, 6);
  assert.match(altered.stdout, /ALTERED +3 decisions: 2 replay, 1 do not/);
  assert.match(altered.stdout, /decided otherwise: outcome; it is not the entry that the next one names/);
});
