import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { OK, receiver } from '../sink/stage.ts';
import { makeHome } from './home.ts';

test('a destination is added and removed on record, comments stay, and it is in force for a recorder that runs', async (t) => {
  const home = makeHome(t);
  const ops = await receiver(t, OK);
  const config = join(home.directory, 'config.yaml');
  writeFileSync(config, '# mine\nalerts:\n  # who is told\n  enabled: true\n', { mode: 0o600 });
  const { started } = await home.up();
  const added = await home.tally([
    'alerts',
    'add',
    'webhook',
    'ops',
    ops.url,
    '--least',
    'warning',
    '--no-closes',
  ]);
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stdout, /^added ops \(webhook, http:\/\/127\.0\.0\.1:\d+\/…\)$/m);
  assert.match(added.stderr, /without --secret NAME it is not signed/);
  const text = readFileSync(config, 'utf8');
  assert.match(
    text,
    /# mine\nalerts:\n {2}# who is told\n {2}enabled: true\n {2}destinations:\n {4}- name: ops\n/,
  );
  const tested = await home.tally(['alerts', 'test', 'ops']);
  assert.equal(tested.code, 0, tested.stderr);
  assert.equal(ops.got.length, 1);

  const twice = await home.tally(['alerts', 'add', 'webhook', 'ops', ops.url]);
  assert.deepEqual([twice.code, twice.error().code], [2, 'USAGE']);
  assert.equal((await home.tally(['alerts', 'remove', 'ops', '--json'])).code, 0);
  assert.equal((await home.tally(['alerts', 'remove', 'ops'])).error().code, 'NOT_FOUND');
  started.process.kill('SIGTERM');
  await started.ended;
  assert.deepEqual(
    home.entries('config.change').map(({ metadata }) => metadata),
    ['add', 'remove'].map((destination) => ({
      destination,
      name: 'ops',
      type: 'webhook',
      place: `${new URL(ops.url).origin}/…`,
    })),
  );
});

test('what lets somebody in is refused on the command line, and never repeated', async (t) => {
  const home = makeHome(t);
  const planted = `planted-${randomBytes(8).toString('hex')}`;
  const refused = [
    ['slack', 'team', `https://hooks.example/${planted}`],
    ['webhook', 'ops', `https://user:${planted}@x.example/`],
    ['webhook', 'ops', `ftp://x.example/${planted}`],
    ['webhook', 'ops'],
    ['slack', 'team'],
    ['pager', 'team', '--url-secret', 'X'],
    ['webhook', 'stderr', 'https://x.example/'],
    ['webhook', 'ops', 'https://x.example/', '--least', 'bad'],
  ];
  for (const args of refused) {
    const { code, stdout, stderr } = await home.tally(['alerts', 'add', ...args]);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.ok(!(stdout + stderr).includes(planted), stdout + stderr);
  }
  const added = await home.tally(['alerts', 'add', 'slack', 'team', '--url-secret', 'SLACK_URL', '--json']);
  assert.equal(added.code, 0, added.stderr);
  assert.deepEqual(added.json().added, { name: 'team', type: 'slack', place: 'the URL in SLACK_URL' });
  assert.match(added.stderr, /the vault has no SLACK_URL/);
});

test('an agent can neither add nor remove one; both attempts are on record, and the file stays as it was', async (t) => {
  const home = makeHome(t);
  await home.tally(['alerts', 'add', 'webhook', 'ops', 'https://x.example/hook']);
  const before = readFileSync(join(home.directory, 'config.yaml'), 'utf8');
  const env = { TALLY_RUN_TOKEN: `run_${randomBytes(8).toString('hex')}` };
  for (const args of [
    ['remove', 'ops'],
    ['add', 'webhook', 'mine', 'https://evil.example/'],
  ])
    assert.equal((await home.tally(['alerts', ...args], { env })).code, 4);
  assert.equal(readFileSync(join(home.directory, 'config.yaml'), 'utf8'), before);
  const refused = home.entries('config.change').filter(({ decision }) => decision !== undefined);
  assert.equal(refused.length, 2);
});
