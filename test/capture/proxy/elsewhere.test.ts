/** Credentials that are kept elsewhere than in the local vault: same order, same scrubbing, and on record where they came from. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { createCredentialSource } from '../../../src/capture/secrets/credentials.ts';
import { providerSettings } from '../../../src/capture/secrets/provider-setting.ts';
import { createProviders } from '../../../src/capture/secrets/providers/registry.ts';
import type { Vault } from '../../../src/capture/secrets/vault.ts';
import { startKvServer } from '../../support/kv-server.ts';
import { type Stage, stage } from './stage.ts';

async function remote(t: TestContext) {
  const token = `hvs.${randomBytes(12).toString('base64url')}`;
  const server = await startKvServer({ token, version: 2 });
  t.after(() => server.close());
  const spec = `vault://127.0.0.1:${server.port}/secret?tls=false`;
  const durable: { stage?: Stage; at: number[] } = { at: [] };
  const s = await stage(t, {
    wrapVault(vault) {
      const providers = createProviders({
        ...providerSettings({ providers: { team: spec }, credentials: { KEY: 'team' } }),
        env: { VAULT_TOKEN: token },
        home: '/nonexistent',
        directory: '/nonexistent',
        locks: '/nonexistent',
        vault: () => vault,
      });
      const source = createCredentialSource({
        vault,
        providers,
        known: () => undefined,
        now: () => performance.now(),
      });
      t.after(() => source.close());
      return {
        ...vault,
        ...source,
        get(name: string) {
          durable.at.push(durable.stage?.entries().filter(({ phase }) => phase === 'pre_exec').length ?? 0);
          return source.get(name);
        },
      } as unknown as Vault;
    },
  });
  durable.stage = s;
  const put = async (value: string): Promise<void> => {
    const providers = createProviders({
      env: { VAULT_TOKEN: token },
      home: '/',
      directory: '/',
      locks: '/',
      vault: () => s.vault,
    });
    const kv = await providers.open({ spec, trusted: true, directory: '/' }, undefined);
    await kv.set?.('KEY', Buffer.from(value));
  };
  return { s, server, put, durable };
}

const secret = (): string => randomBytes(18).toString('base64url');

test('it is fetched after the pre_exec, injected, scrubbed, and its place is on record', async (t) => {
  const { s, put, durable, server } = await remote(t);
  const value = secret();
  await put(value);
  const upstream = await s.upstream((req, res) => res.end(`you are ${req.headers.authorization}`));
  const answer = await s.get(`${upstream.origin}/x`);
  assert.equal(answer.status, 200);
  const body = answer.body.toString();
  assert.ok(!body.includes(value) && body.includes('[REDACTED'), body);
  await s.quiet();
  assert.deepEqual(durable.at, [1], 'its pre_exec was durable before any store was asked');
  const { pre, post } = s.pair();
  assert.deepEqual(pre.credentials, [{ ref: 'KEY', injection_style: 'bearer', provider: 'team' }]);
  const from = `vault://127.0.0.1:${server.port}/secret?tls=false`;
  assert.deepEqual(post.metadata?.credentials_from, { KEY: from });
  assert.ok(!JSON.stringify(s.entries()).includes(value));
  // A second call does not ask the store again.
  const reads = server.seen.length;
  assert.equal((await s.get(`${upstream.origin}/x`)).status, 200);
  assert.equal(server.seen.length, reads);
});

test('a store that fails stops the call before anything is sent, with its kind on record', async (t) => {
  const { s, put, server } = await remote(t);
  await put(secret());
  server.mode = 'sealed';
  const upstream = await s.upstream((_, res) => res.end('never'));
  const answer = await s.get(`${upstream.origin}/x`);
  assert.equal(answer.status, 502);
  await s.quiet();
  const { post } = s.pair();
  assert.deepEqual([post.outcome?.status, post.outcome?.error_kind], ['error', 'provider_locked']);
  assert.equal(upstream.count(), 0);
  server.mode = 'ok';
  assert.equal((await s.get(`${upstream.origin}/x`)).status, 200);
});

test('what an upstream refused is asked for again, so a rotation is noticed at once', async (t) => {
  const { s, put } = await remote(t);
  const [old, fresh] = [secret(), secret()];
  await put(old);
  const upstream = await s.upstream((req, res) => {
    res.statusCode = req.headers.authorization === `Bearer ${fresh}` ? 200 : 401;
    res.end();
  });
  assert.equal((await s.get(`${upstream.origin}/x`)).status, 401);
  await put(fresh);
  assert.equal((await s.get(`${upstream.origin}/x`)).status, 200);
});

test('one that is nowhere is told in the words that clients know', async (t) => {
  const { s } = await remote(t);
  const upstream = await s.upstream((_, res) => res.end());
  const answer = await s.get(`${upstream.origin}/x`);
  assert.equal(answer.status, 502);
  assert.match(answer.body.toString(), /secret 'KEY' not found in keychain/);
});
