import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeHome, outcomeOf, readyHome } from './home.ts';

test('a first start makes what is missing and says where the log is; it is ready when it says so', async (t) => {
  const home = makeHome(t);
  const { url, started } = await home.up();
  const said = started.output();
  assert.match(said, /note: First start on this machine\. The log is in /);
  assert.ok(said.includes(join(home.directory, 'logs', 'local')));
  assert.match(said, /verifier {2}\S+\/local\+[0-9a-f]{8}\+/);
  assert.match(said, /policy .*version 1, allows no host yet/);
  const health = await fetch(`${url}/health`);
  assert.equal(health.status, 200);
  assert.equal(((await health.json()) as { status: string }).status, 'ok');
});

test('a second start says nothing of a first one', async (t) => {
  const home = makeHome(t);
  const first = await home.up();
  first.started.process.kill('SIGTERM');
  await first.started.ended;
  const second = await home.up();
  assert.doesNotMatch(second.started.output(), /First start/);
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`${signal} closes the log, with everything signed`, async (t) => {
    const home = makeHome(t);
    const { started } = await home.up();
    started.process.kill(signal);
    const done = await started.ended;
    assert.deepEqual([done.code, done.signal], [0, null]);
    assert.equal(home.entries().at(-1)?.type, 'log.close');
    assert.match(done.stderr, /closed: (\d+) entries, \1 entries signed/);
    const status = (await home.tally(['status', '--json'])).json() as {
      log: { entries: number; signed: number };
    };
    assert.equal(status.log.signed, status.log.entries);
    assert.equal((await home.tally(['verify', '--completeness'])).code, 0);
  });
}

test('`npm start` passes the signal on: no recorder is left behind', async (t) => {
  const home = makeHome(t);
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const npm = spawn('npm', ['start'], {
    cwd: root,
    env: {
      ...process.env,
      TALLY_HOME: home.directory,
      XDG_RUNTIME_DIR: join(home.directory, 'r'),
      TALLY_PORT: '0',
    },
  });
  let said = '';
  const ready = new Promise<void>((resolve) => {
    npm.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('look ')) resolve();
    });
  });
  // Ends with its last child: they share this pipe.
  const closed = new Promise((resolve) => npm.once('close', resolve));
  await ready;
  npm.kill('SIGTERM');
  await closed;
  assert.equal(home.entries().at(-1)?.type, 'log.close');
});

test('a call under way when it is closed ends recorded as aborted', async (t) => {
  const { home, upstream } = await readyHome(t);
  const { started } = await home.up();
  const call = home.start(['call', '--url', `${upstream.url}/slow`, '--bearer', 'KEY']);
  await call.until('first');
  started.process.kill('SIGTERM');
  const done = await started.ended;
  assert.equal(done.code, 0);
  assert.notEqual((await call.ended).code, 0);
  assert.equal(outcomeOf(home.entries('http.call').at(-1)).status, 'aborted');
});

test('a port that is taken is named with the process that has it', async (t) => {
  const home = makeHome(t);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const done = await home.tally(['up', '--port', String(port)]);
  assert.deepEqual([done.code, done.error().code], [1, 'ADDRESS_IN_USE']);
  if (process.platform === 'linux') assert.match(done.error().message, new RegExp(`pid ${process.pid}\\b`));
  assert.match(done.error().hint ?? '', /TALLY_PORT=/);
  // It gave the log back.
  assert.equal(home.entries().at(-1)?.type, 'log.close');
});

test('the port comes from the flag, the environment, or the configuration, in this order', async (t) => {
  const home = makeHome(t);
  writeFileSync(join(home.directory, 'config.yaml'), 'port: 70000\n', { mode: 0o600 });
  const broken = await home.tally(['up']);
  assert.deepEqual([broken.code, broken.error().code], [2, 'BAD_CONFIG']);
  assert.match(broken.error().message, /config\.yaml:1:7: port/);
  writeFileSync(join(home.directory, 'config.yaml'), '', { mode: 0o600 });
  const bad = await home.tally(['up'], { env: { TALLY_PORT: 'http' } });
  assert.equal(bad.error().code, 'BAD_CONFIG');
});

test('a second `tally up` says which one runs, at once', async (t) => {
  const home = makeHome(t);
  const { url, started } = await home.up();
  const done = await home.tally(['up', '--port', '0']);
  assert.deepEqual([done.code, done.error().code], [8, 'LOG_LOCKED']);
  assert.ok(done.error().message.includes(`pid ${started.process.pid}`));
  assert.ok(done.error().message.includes(url));
});

test('an edited policy file is taken up; a broken one is refused with its line, and the one in force stays', async (t) => {
  const { home, upstream } = await readyHome(t);
  const { started } = await home.up();
  const file = join(home.directory, 'tally.policy.yaml');
  const good = readFileSync(file, 'utf8');

  appendFileSync(file, 'nonsense: 1\n');
  await started.until(/not taken; version \S+ stays in force/);
  await started.until(/line \d+, column 1: unknown key "nonsense"/);
  assert.equal((await home.tally(['call', '--url', upstream.url, '--bearer', 'KEY'])).code, 0);
  const run = await home.tally(['run', '-q', '--', 'true']);
  assert.match(
    run.stderr,
    /the policy file has an error, so version \S+, from before, is in force[\s\S]*line \d+, column 1: unknown key "nonsense"[\s\S]*tally policy check/,
  );

  writeFileSync(
    file,
    good.replace(/^version: .*$/m, 'version: "edited.1"').replace(upstream.host.split(':')[1] ?? '', '1'),
  );
  await started.until('policy version edited.1 is in force');
  const stopped = await home.tally(['call', '--url', upstream.url, '--bearer', 'KEY']);
  assert.equal(stopped.code, 4);
  const [change] = home.entries('policy.change').slice(-1);
  assert.equal((change?.metadata as { file_edited?: boolean } | undefined)?.file_edited, true);
});

test('a call that waits for a person is told, with the command that shows what is asked', async (t) => {
  const { home, upstream } = await readyHome(t);
  const { started } = await home.up();
  appendFileSync(
    join(home.directory, 'tally.policy.yaml'),
    `rules: [{ id: ask, when: 'action.path == "/echo"', decision: approval_required }]\napprovals: { hold: 0s }\n`,
  );
  await started.until(/policy version \S+ is in force/);
  assert.equal((await home.tally(['call', '--url', `${upstream.url}/echo`, '--bearer', 'KEY'])).code, 5);
  const [, short = ''] =
    /APPROVAL \S+ asks for GET http:\S+\/echo \(tally approvals show (\w+)\)/.exec(
      await started.until(/APPROVAL .*\n/),
    ) ?? [];
  assert.match((await home.tally(['approvals', 'show', short])).stdout, /\/echo/);
});

test('a host that another command allows is allowed with the next call', async (t) => {
  const { home, upstream } = await readyHome(t);
  const { started } = await home.up();
  await home.tally(['policy', 'allow', 'more.example']);
  await started.until(/policy version \S+\.1 is in force/);
  assert.equal((await home.tally(['call', '--url', upstream.url, '--bearer', 'KEY'])).code, 0);
  // Taken up once: by the command that asked for it, and not again as an edited file.
  await new Promise((resolve) => setTimeout(resolve, 800));
  assert.equal(home.entries('policy.change').length, 1);
});

test('a secret that another command sets is used, and taken out of answers, from the next call on', async (t) => {
  const { home, upstream } = await readyHome(t);
  await home.up();
  await home.tally(['secrets', 'set', 'LATER'], { stdin: 'later-value-1234' });
  const done = await home.tally(['call', '--url', `${upstream.url}/echo`, '--bearer', 'LATER']);
  assert.equal(upstream.seen[0]?.headers.authorization, 'Bearer later-value-1234');
  assert.match(done.stdout, /\[REDACTED:LATER\]/);
});

test('after kill -9 the next start recovers, and what was open is closed as unknown', async (t) => {
  const { home, upstream } = await readyHome(t);
  const { started } = await home.up();
  const call = home.start(['call', '--url', `${upstream.url}/slow`, '--bearer', 'KEY']);
  await call.until('first');
  started.process.kill('SIGKILL');
  await started.ended;
  await call.ended;
  const again = await home.up();
  again.started.process.kill('SIGTERM');
  await again.started.ended;
  assert.equal(outcomeOf(home.entries('http.call').at(-1)).status, 'unknown');
  assert.equal((await home.tally(['verify'])).code, 0);
});

test('--json is one line when it is ready', async (t) => {
  const home = makeHome(t);
  const started = home.start(['up', '--port', '0', '--json']);
  await started.until('\n');
  const line = (await started.until(/"proxy_url".*\n/)).split('\n').find((text) => text.startsWith('{'));
  const ready = JSON.parse(line ?? '') as { proxy_url: string; pid: number; log: string };
  assert.equal(ready.pid, started.process.pid);
  assert.equal((await fetch(`${ready.proxy_url}/health`)).status, 200);
});

test('without a broker it records for others, and a call has no broker to go through', async (t) => {
  const home = makeHome(t);
  const started = home.start(['up', '--no-broker']);
  await started.until('look');
  assert.equal((await home.tally(['secrets', 'set', 'KEY'], { stdin: 'some-value' })).code, 0);
  const done = await home.tally(['call', '--url', 'https://a.example', '--bearer', 'KEY']);
  assert.deepEqual([done.code, done.error().code], [8, 'RECORDER_UNAVAILABLE']);
  assert.match(done.error().hint ?? '', /tally up/);
});

test('down ends what up started and waits for its end; an agent does not end what records it', async (t) => {
  const home = makeHome(t);
  const none = await home.tally(['down']);
  assert.deepEqual([none.code, none.error().code], [3, 'NOT_FOUND']);
  const { started } = await home.up();
  const refused = await home.tally(['down'], { env: { TALLY_RUN_TOKEN: 'run_x' } });
  assert.deepEqual([refused.code, refused.error().code], [4, 'OPERATOR_REQUIRED']);
  const second = await home.tally(['up', '--background', '--port', '0']);
  assert.deepEqual([second.code, second.error().code], [8, 'LOG_LOCKED']);
  const down = await home.tally(['down', '--json']);
  assert.deepEqual(down.json(), { pid: started.process.pid, ended: true });
  assert.equal((await started.ended).code, 0);
  assert.equal(home.entries().at(-1)?.type, 'log.close');
});
