import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Home, makeHome, readyHome } from '../home.ts';

interface Check {
  readonly name: string;
  readonly status: string;
  readonly detail: string;
  readonly mend?: string;
}

async function checks(home: Home, env: Readonly<Record<string, string>> = {}): Promise<Map<string, Check>> {
  const done = await home.tally(['doctor', '--json'], { env });
  assert.notEqual(done.stdout, '', done.stderr);
  const found = (done.json() as unknown as { checks: readonly Check[] }).checks;
  return new Map(found.map((check) => [check.name, check]));
}

test('the doctor makes a real call of its own, and leaves nothing of it behind', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  const before = home.entries().length;
  const scratch = join(home.directory, 'tmp');
  mkdirSync(scratch);
  const found = await checks(home, { TMPDIR: scratch, TALLY_PORT: '0' });
  assert.equal(found.get('call')?.status, 'ok', found.get('call')?.detail);
  assert.deepEqual(readdirSync(scratch), []);
  assert.equal(home.entries().length, before, 'nothing in the log of this machine');
  assert.deepEqual(
    ['port', 'authority'].map((name) => found.get(name)?.status),
    ['ok', 'skip'],
  );
});

test('a port that is taken and an authority that cannot be used are told with what mends them', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  mkdirSync(join(home.directory, 'ca'), { mode: 0o700 });
  writeFileSync(join(home.directory, 'ca', 'authority.pem'), 'no key', { mode: 0o600 });
  const found = await checks(home, { TALLY_PORT: String(port) });
  assert.equal(found.get('port')?.status, 'warn');
  assert.match(found.get('port')?.detail ?? '', new RegExp(`${port} of 127\\.0\\.0\\.1 is taken`));
  assert.match(found.get('port')?.mend ?? '', /^TALLY_PORT=\d+ tally up$/);
  assert.equal(found.get('authority')?.status, 'fail');
  assert.equal((await checks(home, { TALLY_PORT: 'x' })).get('port')?.status, 'fail');
});

test('status tells what the broker had to do', async (t) => {
  const { home, upstream } = await readyHome(t);
  const { url } = await home.up();
  await home.tally(['call', '--url', upstream.url, '--bearer', 'KEY']);
  await (await fetch(`${url}/elsewhere`)).arrayBuffer();
  const status = (await home.tally(['status', '--json'])).json() as { broker: Record<string, unknown> };
  assert.deepEqual(status.broker, {
    url,
    counts: { active: 0, calls: 1, tunnels: 0, strays: 1, dropped: 0, lost: 0 },
  });
  assert.match((await home.tally(['status'])).stdout, /\n +1 call, 1 stray request\n/);
});

test('programs that a run would not see are named, and those that it sees', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  const bin = join(home.directory, 'bin');
  mkdirSync(bin);
  const env = { TALLY_PORT: '0', PATH: bin };
  assert.equal((await checks(home, env)).get('programs')?.status, 'skip');
  // One that calls nobody, and one that does as it is told.
  writeFileSync(join(bin, 'git'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  symlinkSync(process.execPath, join(bin, 'node'));
  const found = (await checks(home, env)).get('programs');
  assert.equal(found?.status, 'warn');
  assert.match(found?.detail ?? '', /not seen, or fails: git; seen: node$/);
  assert.match(found?.mend ?? '', /tally run -- git/);
});
