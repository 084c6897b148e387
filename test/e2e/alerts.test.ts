/** Alerts through the built program: real processes, real receivers, and kills. */
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openVault } from '../../src/capture/secrets/vault.ts';
import { type Home, readyHome, type Upstream } from '../cli/home.ts';
import { OK, type Receiver, receiver } from '../sink/stage.ts';

const RULES = `alerts:
  off: [new-host, new-tool, new-credential]
  rules:
    - { name: fast, kind: rate, by: host, count: 3, window: 1m, quiet: 1h }
`;

interface Set {
  readonly home: Home;
  readonly upstream: Upstream;
  readonly secrets: readonly string[];
}

async function setUp(t: TestContext, destinations: (hook: string) => string, ops: Receiver): Promise<Set> {
  const { home, upstream, secret } = await readyHome(t);
  const policy = join(home.directory, 'tally.policy.yaml');
  writeFileSync(policy, readFileSync(policy, 'utf8') + RULES, { mode: 0o600 });
  const signing = `whsec_${randomBytes(24).toString('base64')}`;
  const path = `T${randomBytes(12).toString('hex')}`;
  const slack = new URL(`/${path}`, ops.url).href;
  const vault = openVault({
    path: join(home.directory, 'vault', 'secrets.vault'),
    key: { path: join(home.directory, 'keys', 'vault.key') },
  });
  await vault.set('HOOK', signing);
  await vault.set('SLACK_URL', slack);
  vault.close();
  writeFileSync(join(home.directory, 'config.yaml'), `alerts:\n  destinations:\n${destinations(ops.url)}`, {
    mode: 0o600,
  });
  return { home, upstream, secrets: [signing, signing.slice(6), path, secret] };
}

const OPS = (url: string): string => `    - { name: ops, type: webhook, url: ${url}, secret: HOOK }\n`;
const TEAM = '    - { name: team, type: slack, url_secret: SLACK_URL }\n';

async function calls(home: Home, upstream: Upstream, n: number): Promise<void> {
  for (let i = 0; i < n; i++) await home.tally(['call', '--url', `${upstream.url}/x`, '--bearer', 'KEY']);
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, 'it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const raised = (home: Home) =>
  home.entries('alert.raise').filter(({ metadata }) => (metadata as { test?: boolean }).test !== true);

/** Every byte of every file below, for a search. */
function everything(directory: string): Buffer {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const files = names.map((name) => join(directory, name)).filter((path) => statSync(path).isFile());
  return Buffer.concat(files.map((path) => readFileSync(path)));
}

test('an alert is an entry, a line of `tally up`, a signed message and a Slack message; no secret is written anywhere', async (t) => {
  const ops = await receiver(t, OK);
  const { home, upstream, secrets } = await setUp(t, (url) => OPS(url) + TEAM, ops);
  const { started } = await home.up();
  await calls(home, upstream, 4);
  await until(() => ops.got.length >= 2);
  const [entry] = raised(home);
  assert.ok(entry);
  assert.equal((entry.metadata as { rule: string }).rule, 'fast');
  assert.match(await started.until('ALERT warning'), /ALERT warning fast: 3 calls to 127\.0\.0\.1 within 1m/);

  const hook = ops.got.find(({ headers }) => headers['webhook-signature'] !== undefined);
  assert.ok(hook);
  assert.equal(hook.headers['webhook-id'], entry.id);
  const key = Buffer.from(secrets[1] ?? '', 'base64');
  const signed = `${hook.headers['webhook-id']}.${hook.headers['webhook-timestamp']}.${hook.body}`;
  assert.equal(
    hook.headers['webhook-signature'],
    `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
  );

  const listed = (await home.tally(['alerts', 'list', '--json'])).json() as {
    open: number;
    alerts: { id: string }[];
  };
  assert.deepEqual([listed.open, listed.alerts[0]?.id], [1, entry.id]);
  const status = (await home.tally(['status', '--json'])).json() as {
    alerts: { open: number; watching: boolean };
  };
  assert.deepEqual([status.alerts.open, status.alerts.watching], [1, true]);

  const acked = await home.tally(['alerts', 'ack', String(entry.index), '--reason', 'a load test', '--json']);
  assert.equal(acked.code, 0, acked.stderr);
  const close = home.entries('alert.close').at(-1);
  assert.equal(close?.reason, 'a load test');
  assert.deepEqual((await home.tally(['alerts', 'list', '--json'])).json().open, 0);
  const twice = await home.tally(['alerts', 'ack', entry.id, '--reason', 'again']);
  assert.deepEqual([twice.code, twice.error().code], [3, 'NOT_FOUND']);

  const tested = await home.tally(['alerts', 'test', '--json']);
  assert.equal(tested.code, 0, tested.stderr);
  assert.deepEqual(
    (tested.json() as { tests: { destination: string; outcome: string }[] }).tests.map(
      (one) => `${one.destination} ${one.outcome}`,
    ),
    ['stderr delivered', 'ops delivered', 'team delivered'],
  );
  started.process.kill('SIGINT');
  await started.ended;
  const verified = await home.tally(['verify']);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  const written = Buffer.concat([everything(home.directory), Buffer.from(started.output())]);
  for (const secret of secrets) assert.equal(written.indexOf(secret), -1, 'a secret was written');
});

test('killed between an alert and its delivery, the next start delivers it, raises nothing twice and sees what it missed', async (t) => {
  let works = false;
  const ops = await receiver(t, (response) => void (works ? response.end() : undefined));
  const { home, upstream } = await setUp(t, OPS, ops);
  const first = await home.up();
  await calls(home, upstream, 3);
  await until(() => ops.got.length === 1);
  first.started.process.kill('SIGKILL');
  await first.started.ended;
  const before = raised(home).map(({ id }) => id);
  assert.equal(before.length, 1);
  // Nobody runs who could be asked: the files say it.
  const alone = (await home.tally(['status', '--json'])).json() as {
    alerts: { open: number; watching: boolean; destinations: { waiting: number }[] };
  };
  assert.deepEqual(
    [alone.alerts.open, alone.alerts.watching, alone.alerts.destinations[0]?.waiting],
    [1, false, 1],
  );
  assert.match((await home.tally(['status'])).stdout, /alerts\s+1 open: fast, 127\.0\.0\.1/);

  works = true;
  const second = await home.up();
  await until(() => ops.got.length === 2);
  assert.deepEqual(
    ops.got.map(({ headers }) => headers['webhook-id']),
    [before[0], before[0]],
  );
  second.started.process.kill('SIGINT');
  await second.started.ended;

  // Without anything that is derived all is read again, and nothing is raised or sent that was.
  rmSync(join(home.directory, 'alerts', 'local', 'cursor.json'));
  const third = await home.up();
  await calls(home, upstream, 3);
  const listed = await home.tally(['alerts', 'list', '--json']);
  assert.equal(listed.json().open, 1);
  assert.deepEqual(
    raised(home).map(({ id }) => id),
    before,
  );
  assert.equal(ops.got.length, 2);
  third.started.process.kill('SIGKILL');
  await third.started.ended;
});

test('a receiver that hangs delays neither calls nor other destinations, and what was not taken is listed and tried again', async (t) => {
  let works = false;
  const hangs = await receiver(t, (response) => void (works ? response.end() : undefined));
  const ops = await receiver(t, OK);
  const { home, upstream } = await setUp(
    t,
    (url) => `${OPS(url)}    - { name: hangs, type: webhook, url: ${hangs.url} }\n`,
    ops,
  );
  await home.up();
  await calls(home, upstream, 3);
  await until(() => ops.got.length === 1 && hangs.got.length === 1);
  const started = performance.now();
  const called = await home.tally(['call', '--url', `${upstream.url}/x`, '--bearer', 'KEY']);
  assert.equal(called.code, 0);
  assert.ok(performance.now() - started < 8_000);
  const listed = (await home.tally(['alerts', 'list', '--undelivered', '--json'])).json() as {
    undelivered: { destination: string }[];
  };
  assert.deepEqual(
    listed.undelivered.map(({ destination }) => destination),
    ['hangs'],
  );
  works = true;
  await until(() => hangs.got.length >= 1);
  const retried = await home.tally(['alerts', 'retry', 'hangs']);
  assert.match(
    retried.stdout + retried.stderr,
    /hangs: (taken|no answer yet|the webhook hangs did not answer)|nothing to try again/,
  );
});

test('an agent can neither acknowledge an alert nor send a test, and both attempts are on record', async (t) => {
  const ops = await receiver(t, OK);
  const { home } = await setUp(t, OPS, ops);
  await home.up();
  const env = { TALLY_RUN_TOKEN: `run_${randomBytes(8).toString('hex')}` };
  for (const args of [
    ['alerts', 'test'],
    ['alerts', 'ack', 'log_0', '--reason', 'x'],
  ]) {
    const { code, stderr } = await home.tally(args, { env });
    assert.equal(code, 4, stderr);
  }
  assert.equal(ops.got.length, 0);
  const refused = home.entries().filter(({ type }) => type.startsWith('alert.'));
  assert.deepEqual(
    refused.map(({ type, outcome }) => [type, (outcome as { status: string }).status]),
    [
      ['alert.raise', 'blocked'],
      ['alert.close', 'blocked'],
    ],
  );
});
