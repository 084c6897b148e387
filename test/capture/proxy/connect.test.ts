import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ensureCa } from '../../../src/capture/ca/authority.ts';
import { caPaths } from '../../../src/capture/ca/files.ts';
import { makeAuthority } from './certificates.ts';
import { echo, type Stage, stage } from './stage.ts';

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** curl with us as its proxy; it trusts nothing but the local authority. */
async function curl(at: Stage, ...args: string[]): Promise<Ran> {
  await ensureCa({ state: at.state }, Date.now);
  const child = spawn(
    'curl',
    ['-sS', '--proxy', at.url, '--cacert', caPaths({ state: at.state }).certificate, ...args],
    {
      env: { PATH: process.env.PATH ?? '' },
    },
  );
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    err += data.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

test('a program that calls https through us is answered, and its call is on record as it was', async (t) => {
  const authority = makeAuthority(t);
  const at = await stage(t, { config: { extraCa: [authority.ca] }, names: () => ['127.0.0.1'] });
  const up = await at.upstream(echo, { tls: authority.issue('DNS:api.test'), host: 'api.test' });
  const ran = await curl(
    at,
    `${up.origin}/things?q=1`,
    '-d',
    '{"a":1}',
    '-H',
    'content-type: application/json',
  );
  assert.equal(ran.err, '');
  const seen = JSON.parse(ran.out) as {
    method: string;
    url: string;
    body: string;
    headers: { host: string };
  };
  assert.deepEqual([seen.method, seen.url, seen.body], ['POST', '/things?q=1', '{"a":1}']);
  assert.equal(seen.headers.host, `api.test:${up.port}`);
  await at.quiet();
  const { pre, post } = at.pair();
  assert.equal(pre.action?.target?.host, 'api.test');
  assert.equal(pre.action?.target?.method, 'POST');
  assert.equal(post.outcome?.status_code, 200);
  assert.equal(post.metadata?.via, 'intercept');
});
