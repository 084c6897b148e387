import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from './home.ts';

const leftovers = (): readonly string[] => readdirSync(tmpdir()).filter((name) => /^tally-demo-/.test(name));

test('the demo records a session, shows four falsifications being caught, and leaves nothing behind', async (t) => {
  const home = makeHome(t);
  const before = leftovers();
  const started = performance.now();
  // A coding agent may show it too: the operator of the demo is whoever watches.
  // And in a project, whose secrets are not the demo's.
  writeFileSync(
    join(home.directory, 'secretspec.toml'),
    '[project]\nname = "own"\nrevision = "1.0"\n[profiles.default]\nOWN_KEY = { description = "mine", required = true }\n',
  );
  const env = { CLAUDECODE: '1', TALLY_PROFILE: 'default' };
  const done = await home.tally(['demo'], { env, cwd: home.directory });
  assert.equal(done.code, 0, done.stdout + done.stderr);
  assert.match(done.stdout, /4 calls: 1 stopped, 1 failed, 1 redacted · log verified/);
  assert.match(done.stdout, /\[REDACTED:PAYMENTS_KEY\]/);
  assert.match(done.stdout, /✓ integrity {5}all \d+ signed entries/);
  assert.equal(done.stdout.match(/caught: exit code 6/g)?.length, 4);
  for (const trick of ['edit', 'delete', 'swap', 'roll back'])
    assert.ok(done.stdout.includes(`${trick}: `), trick);
  assert.equal(done.stdout.match(/✗ append-only/g)?.length, 4);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  assert.doesNotMatch(done.stdout, /\u001b/);
  assert.ok(performance.now() - started < 60_000);
  assert.deepEqual(leftovers(), before);
});

test('an interrupted demo leaves nothing behind', async (t) => {
  const home = makeHome(t);
  const before = leftovers();
  const started = home.start(['demo']);
  await started.until('stored PAYMENTS_KEY');
  started.process.kill('SIGINT');
  const done = await started.ended;
  assert.equal(done.code, 130, done.stderr);
  assert.deepEqual(leftovers(), before);
});
