/**
 * Programs that people use, as they are, in one run: each reaches an API that wants a credential which none of them has,
 * and each call is on record as it was. The upstream's own count is the judge.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openVault } from '../../src/capture/secrets/vault.ts';
import { makeHome } from '../cli/home.ts';
import { startTlsUpstream } from './programs-upstream.ts';

const NODE = process.execPath;
const STRIPE = fileURLToPath(new URL('../../node_modules/stripe', import.meta.url));

interface Program {
  readonly name: string;
  /** Shell. `$U` is the upstream, `$UPSTREAM_KEY` what the program takes for the credential. */
  readonly script: string;
  /** How many calls it makes; absent: as many as it likes. */
  readonly calls?: number;
  /** Why it cannot be tested here. */
  readonly skip?: string | undefined;
  /** Upstream, what it says of its version. */
  readonly version?: RegExp;
}

const answers = (command: string, ...args: readonly string[]): string | undefined => {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
};
const absent = (command: string): string | undefined =>
  answers(command, '--version') === undefined ? `there is no ${command} here` : undefined;

/** A Node that knows no proxy by itself. */
const OLD_NODE = ['/usr/bin/node', '/usr/local/bin/node'].find((path) =>
  /^v(18|20)\./.test(answers(path, '--version') ?? ''),
);
const noOld = OLD_NODE === undefined ? 'there is no Node 18 or 20 here' : undefined;
const WITH_REQUESTS = ['python3', '/usr/bin/python3'].find(
  (python) => answers(python, '-c', 'import requests') !== undefined,
);

const FETCH = `const headers = { authorization: 'Bearer ' + process.env.UPSTREAM_KEY, 'x-version': process.version };
fetch(process.argv[1], { headers }).then((r) => r.text()).then(console.log);`;
const AGENT = `const https = require('https');
const agent = new https.Agent({ keepAlive: true });
const headers = { authorization: 'Bearer ' + process.env.UPSTREAM_KEY, 'x-version': process.version };
const go = (left) => https.get(process.argv[1], { agent, headers }, (r) => {
  r.pipe(process.stdout);
  r.on('end', () => setImmediate(() => (left > 1 ? go(left - 1) : agent.destroy())));
});
go(2);`;
const BALANCE = `const exported = require(process.argv[1]);
const Stripe = exported.default || exported;
const url = new URL(process.env.U);
const stripe = new Stripe(process.env.UPSTREAM_KEY, { host: url.hostname, port: url.port, protocol: 'https', maxNetworkRetries: 0, telemetry: false });
stripe.balance.retrieve().then((b) => console.log(JSON.stringify(b)));`;
const URLLIB = `import os, urllib.request as r
print(r.urlopen(r.Request(os.environ["U"] + "/urllib", headers={"Authorization": "Bearer " + os.environ["UPSTREAM_KEY"]})).read().decode())`;
const REQUESTS = `import os, requests
print(requests.get(os.environ["U"] + "/requests", headers={"Authorization": "Bearer " + os.environ["UPSTREAM_KEY"]}).text)`;

const bearer = 'Authorization: Bearer $UPSTREAM_KEY';
const PROGRAMS: readonly Program[] = [
  { name: 'curl', script: `curl -sS -H "${bearer}" $U/curl`, calls: 1, skip: absent('curl') },
  {
    name: 'addressed',
    script: `curl -sS "$TALLY_PROXY_URL" -H "X-AS-Target-URL: $U/addressed" -H "X-AS-Session-Token: $TALLY_RUN_TOKEN" -H "X-AS-Inject-Bearer: UPSTREAM_KEY"`,
    calls: 1,
    skip: absent('curl'),
  },
  { name: 'wget', script: `wget -q -O - --header="${bearer}" $U/wget`, calls: 1, skip: absent('wget') },
  {
    name: 'git',
    script: `git -c http.extraHeader="${bearer}" clone -q $U/repo.git cloned && cat cloned/README`,
    skip: absent('git'),
  },
  { name: 'urllib', script: 'python3 by_urllib.py', calls: 1, skip: absent('python3') },
  {
    name: 'requests',
    script: `${WITH_REQUESTS} by_requests.py`,
    calls: 1,
    skip: WITH_REQUESTS === undefined ? 'no Python here has requests' : undefined,
  },
  { name: 'fetch-24', script: `${NODE} fetch.cjs $U/fetch-24`, calls: 1, version: /^v24\./ },
  { name: 'agent-24', script: `${NODE} agent.cjs $U/agent-24`, calls: 2, version: /^v24\./ },
  {
    name: 'fetch-20',
    script: `${OLD_NODE} fetch.cjs $U/fetch-20`,
    calls: 1,
    skip: noOld,
    version: /^v(18|20)\./,
  },
  {
    name: 'agent-20',
    script: `${OLD_NODE} agent.cjs $U/agent-20`,
    calls: 2,
    skip: noOld,
    version: /^v(18|20)\./,
  },
  { name: 'stripe-24', script: `${NODE} balance.cjs ${STRIPE}`, calls: 1 },
  { name: 'stripe-20', script: `${OLD_NODE} balance.cjs ${STRIPE}`, calls: 1, skip: noOld },
];

/** A call as `tally log list --json` gives it: its two entries. */
interface Row {
  readonly run_id?: string;
  readonly actor?: { readonly agent_id?: string };
  readonly action?: { readonly target?: { readonly host?: string; readonly path?: string } };
  readonly decision?: { readonly outcome?: string };
  readonly outcome?: { readonly status_code?: number };
}

test('programs that know nothing of us', async (t) => {
  const home = makeHome(t);
  const secret = `sk_test_${randomBytes(18).toString('hex')}`;
  const work = join(home.directory, 'work');
  mkdirSync(work);
  const upstream = await startTlsUpstream(t, home.directory, secret);
  writeFileSync(
    join(home.directory, 'tally.policy.yaml'),
    `version: "1"\nallowlist:\n  - { host: localhost, port: ${upstream.port}, internal: true, ca: upstream-ca.pem }\n`,
    { mode: 0o600 },
  );
  const vault = openVault({
    path: join(home.directory, 'vault', 'secrets.vault'),
    key: { path: join(home.directory, 'keys', 'vault.key') },
  });
  await vault.set('UPSTREAM_KEY', secret);
  vault.close();

  const files = {
    'secretspec.toml':
      '[project]\nname = "programs"\nrevision = "1.0"\n\n[profiles.default]\nUPSTREAM_KEY = { description = "of the API" }\n',
    'fetch.cjs': FETCH.replaceAll('process.argv[1]', 'process.argv[2]'),
    'agent.cjs': AGENT.replaceAll('process.argv[1]', 'process.argv[2]'),
    'balance.cjs': BALANCE.replaceAll('process.argv[1]', 'process.argv[2]'),
    'by_urllib.py': URLLIB,
    'by_requests.py': REQUESTS,
    // A proxy of the user's own in a gitconfig would win over the environment.
    '.gitconfig': '[http]\n\tproxy = http://127.0.0.1:9\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(work, name), text);
  copyFileSync(upstream.ca, join(work, 'upstream-roots.pem'));
  const present = PROGRAMS.filter(({ skip }) => skip === undefined);
  const script = [
    'env > dumped.env; cat /proc/$$/environ /proc/$$/cmdline > dumped.proc 2>/dev/null',
    ...present.map(({ name, script }) => `(${script}) > ${name}.out 2> ${name}.err; echo $? > ${name}.code`),
    'curl -sS https://blocked.example/ > blocked.out 2> blocked.err',
    'curl -sS --cacert upstream-roots.pem $U/pinned > pinned.out 2> pinned.err',
    `${NODE} -e 'console.log(JSON.stringify([process.env, process.argv, process.execArgv]))' > dumped.node`,
  ].join('\n');
  writeFileSync(join(work, 'all.sh'), script);

  const done = await home.tally(['run', '--agent', 'shopper', '--reason', 'to see', '--', 'sh', 'all.sh'], {
    cwd: work,
    env: {
      U: upstream.url,
      UPSTREAM_KEY: 'mine',
      HOME: work,
      GIT_CONFIG_NOSYSTEM: '1',
      NO_PROXY: '*',
    },
  });
  const text = (name: string): string => readFileSync(join(work, name), 'utf8');
  const listed = await home.tally(['log', 'list', '--json', '--type', 'http.call', '--limit', '500']);
  assert.equal(listed.code, 0, listed.stderr);
  const { entries: rows } = listed.json() as unknown as { readonly entries: readonly Row[] };
  const run = home.entries('run.start')[0]?.run_id;

  for (const { name, calls, skip, version } of PROGRAMS)
    await t.test(`${name} reaches the API, and its calls are on record`, { skip: skip ?? false }, () => {
      assert.equal(text(`${name}.code`), '0\n', text(`${name}.err`));
      const path = name === 'git' ? '/repo.git/' : name.startsWith('stripe') ? '/v1/balance' : `/${name}`;
      const there = upstream.seen.filter((seen) => seen.path.startsWith(path));
      const here = rows.filter((row) => row.action?.target?.path?.startsWith(path) === true);
      assert.equal(here.length, there.length);
      if (calls !== undefined && !name.startsWith('stripe')) assert.equal(there.length, calls);
      assert.ok(there.length > 0);
      for (const seen of there) {
        assert.equal(seen.headers.authorization, `Bearer ${secret}`);
        assert.match(String(seen.headers['x-version'] ?? 'v24.'), version ?? /./);
      }
      if (name === 'git') assert.equal(text('git.out'), 'cloned through the broker\n');
      for (const { action, actor, run_id, outcome } of here)
        assert.deepEqual(
          [action?.target?.host, actor?.agent_id, run_id, outcome?.status_code],
          ['localhost', 'shopper', run, 200],
        );
    });

  await t.test('the upstream saw the calls that are on record as sent, and no other', () => {
    const sent = rows.filter((row) => row.decision?.outcome === 'allow');
    assert.equal(upstream.seen.length, sent.length);
    assert.ok(sent.length >= present.length);
    const blocked = rows.filter((row) => row.decision?.outcome === 'stop');
    assert.deepEqual(
      blocked.map((row) => row.action?.target?.host),
      ['blocked.example'],
    );
    assert.match(done.stderr, /\n {2}tally policy allow blocked\.example\n/);
    // It trusts the upstream itself and nobody else: what it would not tell the broker it tells nobody.
    assert.match(done.stderr, /did not take the broker's certificate for localhost \(1 connection\)/);
    assert.ok(!upstream.seen.some(({ path }) => path === '/pinned'));
  });

  await t.test('no program had the credential: not in its environment, its arguments or its answers', () => {
    for (const name of readdirSync(work).filter((name) => statSync(join(work, name)).isFile()))
      assert.ok(!text(name).includes(secret), name);
    assert.ok(!(done.stdout + done.stderr).includes(secret));
    assert.match(text('dumped.env'), /^UPSTREAM_KEY=tally-ref:UPSTREAM_KEY:[0-9a-f]{16}$/m);
    assert.ok(text('dumped.proc').includes('UPSTREAM_KEY=tally-ref:') || process.platform !== 'linux');
    assert.ok(!JSON.stringify(home.entries()).includes(secret));
    assert.match(done.stderr, /UPSTREAM_KEY: your own value is replaced by a placeholder/);
    assert.match(done.stderr, /NO_PROXY .* set aside/);
  });
});
