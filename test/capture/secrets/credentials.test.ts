import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createCredentialSource, type Held } from '../../../src/capture/secrets/credentials.ts';
import { providerSettings } from '../../../src/capture/secrets/provider-setting.ts';
import { createProviders } from '../../../src/capture/secrets/providers/registry.ts';
import { openVault } from '../../../src/capture/secrets/vault.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { startKvServer } from '../../support/kv-server.ts';

async function stage(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'credentials-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const token = `hvs.${randomBytes(12).toString('base64url')}`;
  const server = await startKvServer({ token, version: 2 });
  t.after(() => server.close());
  const vault = openVault({ path: join(directory, 'v'), key: { path: join(directory, 'k', 'key') } });
  const spec = `vault://127.0.0.1:${server.port}/secret?tls=false`;
  const providers = createProviders({
    ...providerSettings({ providers: { team: spec }, credentials: { REMOTE: 'team', OTHER: 'team' } }),
    env: { VAULT_TOKEN: token },
    home: directory,
    directory,
    locks: directory,
    vault: () => vault,
  });
  const clock = { now: 0 };
  const known: string[] = [];
  const source = createCredentialSource({
    vault,
    providers,
    known: (name, value) => known.push(`${name}=${value.toString()}`),
    now: () => clock.now,
  });
  t.after(() => source.close());
  const kv = await providers.open({ spec, trusted: true, directory }, undefined);
  const put = async (name: string, value: string): Promise<void> => {
    await kv.set?.(name, Buffer.from(value));
  };
  const reads = (): number => server.seen.filter(({ method }) => method === 'GET').length;
  return { source, vault, clock, known, put, reads, server };
}

const got = async (found: Held | undefined | Promise<Held | undefined>): Promise<Held> => {
  const held = await found;
  assert.ok(held);
  return held;
};

test('a name of the local vault is answered at once, any other from its own store, each in a buffer of its own', async (t) => {
  const { source, vault, put } = await stage(t);
  await vault.set('LOCAL', 'value-of-local');
  await put('REMOTE', 'value-of-remote');
  const local = source.get('LOCAL');
  assert.ok(local !== undefined && !(local instanceof Promise));
  assert.equal(local.value.toString(), 'value-of-local');
  const remote = await got(source.get('REMOTE'));
  assert.equal(remote.value.toString(), 'value-of-remote');
  remote.value.fill(0);
  assert.equal((await got(source.get('REMOTE'))).value.toString(), 'value-of-remote');
  assert.equal(source.get('NOWHERE'), undefined);
  assert.equal(await source.get('OTHER'), undefined);
  assert.deepEqual([source.placeOf?.('REMOTE'), source.placeOf?.('LOCAL')], ['team', undefined]);
});

test('a store is asked once for many calls, again after a minute, and another value is another version', async (t) => {
  const { source, put, reads, clock, known } = await stage(t);
  await put('REMOTE', 'first-value');
  const many = await Promise.all(Array.from({ length: 8 }, () => got(source.get('REMOTE'))));
  assert.equal(reads(), 1);
  assert.equal(new Set(many.map(({ value }) => value)).size, 8);
  const [{ version }] = many as [Held];
  clock.now += LIMITS.heldCredentialMs;
  assert.equal((await got(source.get('REMOTE'))).version, version, 'the same value is the same version');
  assert.equal(reads(), 2);
  await put('REMOTE', 'second-value');
  assert.equal((await got(source.get('REMOTE'))).value.toString(), 'first-value');
  clock.now += LIMITS.heldCredentialMs;
  const changed = await got(source.get('REMOTE'));
  assert.equal(changed.value.toString(), 'second-value');
  assert.notEqual(changed.version, version);
  // Whatever leaves this process is searched for both.
  assert.deepEqual(known, ['REMOTE=first-value', 'REMOTE=second-value']);
});

test('an upstream that refuses a credential has it asked for again at once', async (t) => {
  const { source, put, reads } = await stage(t);
  await put('REMOTE', 'first-value');
  await got(source.get('REMOTE'));
  await put('REMOTE', 'second-value');
  source.refused?.('REMOTE');
  assert.equal((await got(source.get('REMOTE'))).value.toString(), 'second-value');
  assert.equal(reads(), 2);
});

test('a store that fails is asked again by the next call, and never answers with what is over', async (t) => {
  const { source, put, server, clock } = await stage(t);
  await put('REMOTE', 'value-of-remote');
  await got(source.get('REMOTE'));
  clock.now += LIMITS.heldCredentialMs;
  server.mode = 'sealed';
  await assert.rejects(
    Promise.resolve(source.get('REMOTE')),
    (error: unknown) => isTallyError(error) && error.details?.kind === 'provider_locked',
  );
  server.mode = 'ok';
  assert.equal((await got(source.get('REMOTE'))).value.toString(), 'value-of-remote');
});

test('closed, it forgets what it had, and asks again', async (t) => {
  const { source, put } = await stage(t);
  await put('REMOTE', 'value-of-remote');
  await put('OTHER', 'value-of-other');
  await got(source.get('REMOTE'));
  await got(source.get('OTHER'));
  source.close();
  assert.equal((await got(source.get('REMOTE'))).value.toString(), 'value-of-remote');
});
