/** Certificates that one host alone may be signed by. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Authority, makeAuthority } from './certificates.ts';
import { echo, type Stage, send, stage, type Upstream } from './stage.ts';

interface Scene {
  readonly s: Stage;
  readonly authority: Authority;
  readonly file: string;
  up(host: string): Promise<Upstream>;
  /** Forwarded, without a credential. */
  get(url: string): ReturnType<typeof send>;
}

async function scene(t: TestContext): Promise<Scene> {
  const directory = mkdtempSync(join(tmpdir(), 'roots-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const authority = makeAuthority(t);
  const s = await stage(t, { names: () => ['127.0.0.1'], config: { policyDirectory: directory } });
  return {
    s,
    authority,
    file: join(directory, 'corp.pem'),
    up: (host) => s.upstream(echo, { tls: authority.issue(`DNS:${host}`), host }),
    get: (url) => send(s.port, { path: url, headers: { Host: new URL(url).host } }),
  };
}

const policy = (...lines: string[]): string =>
  `version: "1"\nidentity: { anonymous: allow }\nallowlist:\n${lines.map((line) => `  - ${line}\n`).join('')}`;

test('a private authority is trusted for the host that names it, and for no other', async (t) => {
  const { s, authority, file, up, get } = await scene(t);
  const own = await up('own.corp.test');
  const other = await up('other.corp.test');
  writeFileSync(file, `some words\n${authority.ca}`);
  await s.policy(
    policy(
      `{ host: own.corp.test, port: ${own.port}, internal: true, ca: corp.pem }`,
      `{ host: other.corp.test, port: ${other.port}, internal: true }`,
    ),
  );
  assert.equal((await get(`${own.origin}/x`)).status, 200);
  const refused = await get(`${other.origin}/x`);
  assert.equal(refused.status, 502);
  assert.equal(refused.json().reason, 'tls_failed');
  assert.equal(other.count(), 0);
});

test('names and dates are checked all the same, and a line that is taken back takes its trust back', async (t) => {
  const { s, authority, file, up, get } = await scene(t);
  const wrong = await s.upstream(echo, { tls: authority.issue('DNS:right.test'), host: 'wrong.test' });
  const old = await s.upstream(echo, { tls: authority.issue('DNS:old.test', -1), host: 'old.test' });
  const good = await up('good.test');
  writeFileSync(file, authority.ca);
  const line = (host: string, { port }: Upstream, ca = ', ca: ./corp.pem'): string =>
    `{ host: ${host}, port: ${port}, internal: true${ca} }`;
  await s.policy(policy(line('wrong.test', wrong), line('old.test', old), line('good.test', good)));
  assert.equal((await get(wrong.origin)).json().reason, 'tls_failed');
  assert.equal((await get(old.origin)).json().reason, 'tls_failed');
  assert.equal((await get(good.origin)).status, 200);
  // The connection is idle, and must not be used for a call that does not trust it.
  await s.policy(policy(line('good.test', good, '')));
  assert.equal((await get(good.origin)).json().reason, 'tls_failed');
});

test('a file that cannot be read or holds no certificate fails the call on record, and is read again when mended', async (t) => {
  const { s, authority, file, up, get } = await scene(t);
  const own = await up('own.corp.test');
  await s.policy(policy(`{ host: own.corp.test, port: ${own.port}, internal: true, ca: corp.pem }`));
  for (const [content, why] of [
    [undefined, 'ENOENT'],
    ['', 'no readable certificate'],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'no readable certificate'],
  ] as const) {
    if (content !== undefined) writeFileSync(file, content);
    const answer = await get(`${own.origin}/`);
    assert.equal(answer.status, 502);
    assert.equal(answer.json().reason, 'ca_unreadable');
    assert.match(String(answer.json().error), new RegExp(`own\\.corp\\.test.*corp\\.pem.*${why}`));
    await s.quiet();
    assert.equal(s.entries().at(-1)?.outcome?.error_kind, 'ca_unreadable');
  }
  assert.equal(own.count(), 0);
  writeFileSync(file, authority.ca);
  assert.equal((await get(`${own.origin}/`)).status, 200);
});
