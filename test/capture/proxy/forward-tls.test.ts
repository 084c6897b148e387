/** Placeholders inside of TLS that ends at the broker, from a real client. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ensureCa } from '../../../src/capture/ca/authority.ts';
import { caPaths } from '../../../src/capture/ca/files.ts';
import { placeholderFor } from '../../../src/capture/proxy/placeholder.ts';
import { makeAuthority } from './certificates.ts';
import { secret, startRun } from './program.ts';
import { echo, stage } from './stage.ts';

test('curl in a run calls https with a placeholder for its key, and never sees the key', async (t) => {
  const authority = makeAuthority(t);
  const s = await stage(t, { config: { extraCa: [authority.ca] }, names: () => ['127.0.0.1'] });
  const up = await s.upstream(echo, { tls: authority.issue('DNS:api.test'), host: 'api.test' });
  const token = await startRun(s);
  const value = secret();
  await s.vault.set('KEY', value);
  await s.policy(`version: "2"
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: api.test, port: ${up.port}, internal: true }]
credentials: { KEY: { hosts: [api.test] } }
`);
  await ensureCa({ state: s.state }, Date.now);
  const key = placeholderFor(token, 'KEY');
  const child = spawn(
    'curl',
    [
      ...['-sS', '--proxy', s.url.replace('//', `//run:${token}@`)],
      ...['--cacert', caPaths({ state: s.state }).certificate],
      ...['-u', `${key}:`, '-d', `grant=x&client_secret=${key}`, `${up.origin}/t?k=${key}`],
    ],
    { env: { PATH: process.env.PATH ?? '' } },
  );
  let out = '';
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.pipe(process.stderr);
  await once(child, 'close');
  assert.ok(!out.includes(value) && !out.includes(Buffer.from(`${value}:`).toString('base64')));
  const seen = JSON.parse(out) as { url: string; body: string; headers: Record<string, string> };
  // What the upstream was sent, as the program is shown it.
  assert.equal(seen.url, '/t?k=[REDACTED:KEY]');
  assert.equal(seen.body, 'grant=x&client_secret=[REDACTED:KEY]');
  assert.match(seen.headers.authorization ?? '', /^Basic \[REDACTED:KEY\]/);
  await s.quiet();
  const { pre, post } = s.pair();
  assert.equal(pre.run_id, token.split('.')[0]);
  assert.deepEqual(
    pre.credentials?.map(({ injection_style }) => injection_style),
    ['basic', 'query', 'form'],
  );
  assert.equal(post.metadata?.via, 'intercept');
  assert.deepEqual(post.outcome?.redaction, { count: 4, rules: { KEY: 4 } });
  const log = Buffer.concat([...s.box.disk.segments.values()]).toString('utf8');
  assert.ok(!log.includes(value) && !log.includes(key));
});
