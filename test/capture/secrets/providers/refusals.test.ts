/** What places that keep secrets do when they cannot: always a kind, a way to mend it, no value, bounded time. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { execProvider } from '../../../../src/capture/secrets/providers/exec.ts';
import { type CommandPreset, PRESETS } from '../../../../src/capture/secrets/providers/presets.ts';
import { createProviders } from '../../../../src/capture/secrets/providers/registry.ts';
import { openVault } from '../../../../src/capture/secrets/vault.ts';
import { isTallyError } from '../../../../src/core/error.ts';
import { LIMITS } from '../../../../src/core/limits.ts';
import { rejectsWith } from '../../../suites/providers.ts';
import { startKvServer } from '../../../support/kv-server.ts';

const root = mkdtempSync(join(tmpdir(), 'refusals-'));
after(() => rmSync(root, { recursive: true, force: true }));
const where = { project: 'app', profile: 'default' };
const secret = (): string => randomBytes(18).toString('base64url');

function registry(env: Readonly<Record<string, string | undefined>> = {}) {
  return createProviders({
    env,
    home: root,
    directory: root,
    locks: join(root, 'locks'),
    vault: () => openVault({ path: join(root, 'v', 's.vault'), key: { path: join(root, 'k', 'key') } }),
  });
}

const open = (spec: string, env: Readonly<Record<string, string | undefined>> = {}, trusted = true) =>
  registry(env).open({ spec, trusted, directory: root }, where);

/** A manager that does what `body` says. */
function manager(body: string, more: Partial<CommandPreset> = {}) {
  const path = join(mkdtempSync(join(root, 'bin-')), 'manager');
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const preset: CommandPreset = { get: [path, '{item}'], item: '{key}', newline: true, ...more };
  return execProvider(preset, 'exec://', { env: process.env, trusted: true, where });
}

describe('a command-line manager', () => {
  it('that hangs is stopped in time', async () => {
    const started = performance.now();
    await assert.rejects(
      manager('exec sleep 30', { timeoutMs: 300 }).get('A'),
      rejectsWith('provider_timeout'),
    );
    await assert.rejects(
      manager('trap "" TERM; while :; do sleep 0.1; done', { timeoutMs: 300 }).get('A'),
      rejectsWith('provider_timeout'),
    );
    assert.ok(performance.now() - started < 2 * 300 + LIMITS.providerKillMs + 3_000);
  });

  it('that leaves a process behind which keeps our pipes open does not hold us', async () => {
    const started = performance.now();
    const left = join(root, 'left.pid');
    await assert.rejects(
      manager(`sleep 20 & echo $! > ${left}; exec sleep 20`, { timeoutMs: 2_000 }).get('A'),
      rejectsWith('provider_timeout'),
    );
    assert.ok(performance.now() - started < 2_000 + LIMITS.providerKillMs + 3_000);
    process.kill(Number(readFileSync(left, 'utf8')));
  });

  it('that fails is no manager without that secret', async () => {
    await assert.rejects(manager('exit 1').get('A'), rejectsWith('provider_failed'));
    await assert.rejects(manager('kill -9 $$').get('A'), rejectsWith('provider_failed'));
    assert.equal(await manager('exit 3', { missingCodes: [3] }).get('A'), undefined);
    assert.equal(
      await manager('echo "no such item" >&2; exit 1', { missing: /no such/ }).get('A'),
      undefined,
    );
  });

  it('tells its last words, but none that it also gave as the value', async () => {
    const value = secret();
    await assert.rejects(
      manager('echo one >&2; echo "the agent is locked" >&2; exit 2').get('A'),
      (error: Error) => {
        assert.match(error.message, /ended with code 2: the agent is locked/);
        return true;
      },
    );
    await assert.rejects(
      manager(`echo ${value}; echo "debug: ${value}" >&2; exit 2`).get('A'),
      (error: unknown) => {
        assert.ok(isTallyError(error));
        assert.ok(!JSON.stringify(error).includes(value.slice(0, 8)) && !String(error.stack).includes(value));
        return true;
      },
    );
  });

  it('that prints on standard error and succeeds has succeeded', async () => {
    assert.equal((await manager('echo warning >&2; echo value').get('A'))?.toString(), 'value');
    assert.equal((await manager('printf "a\\n\\n"').get('A'))?.toString(), 'a\n');
    assert.equal((await manager('printf "a\\n"', { newline: false }).get('A'))?.toString(), 'a\n');
  });

  it('that says too much is stopped', async () => {
    await assert.rejects(manager('exec yes').get('A'), rejectsWith('value_too_large'));
    assert.equal(
      (await manager('yes >&2 & p=$!; sleep 0.2; kill $p; echo value').get('A'))?.toString(),
      'value',
    );
  });

  it('that is not there, or not a program, is unavailable', async () => {
    const preset: CommandPreset = { get: [join(root, 'nothing')], item: '{key}', newline: true };
    const options = { env: process.env, trusted: true, where };
    await assert.rejects(
      execProvider(preset, 'exec://', options).get('A'),
      rejectsWith('provider_unavailable'),
    );
    writeFileSync(join(root, 'plain'), 'text');
    chmodSync(join(root, 'plain'), 0o644);
    await assert.rejects(
      execProvider({ ...preset, get: [join(root, 'plain')] }, 'exec://', options).get('A'),
      rejectsWith('provider_unavailable'),
    );
  });

  it('never sees a value among its arguments, nor a name as an option', async () => {
    const preset = { set: ['sh', '-c', 'cat >/dev/null; cat /proc/$$/cmdline >&2; exit 1', 'x', '{item}'] };
    const value = secret();
    const shows = manager('exit 0', preset);
    await assert.rejects(shows.set?.('KEY', Buffer.from(value)) ?? Promise.resolve(), (error: Error) => {
      assert.ok(!error.message.includes(value));
      return true;
    });
    for (const item of ['--config=/tmp/evil', '-e'])
      await assert.rejects(manager('echo x').get('A', { item }), rejectsWith('provider_misconfigured'));
  });

  it('is given our environment, without what lets it record as a run', async () => {
    const path = join(mkdtempSync(join(root, 'bin-')), 'env');
    writeFileSync(path, '#!/bin/sh\necho "$MARK/$TALLY_RUN_TOKEN"\n', { mode: 0o755 });
    const env = { ...process.env, MARK: 'here', TALLY_RUN_TOKEN: 'run_x' };
    const preset: CommandPreset = { get: [path], item: '{key}', newline: true };
    const found = await execProvider(preset, 'exec://', { env, trusted: true, where }).get('A');
    assert.equal(found?.toString(), 'here/');
  });

  it('of every known name refuses coordinates that it has no equivalent for', async () => {
    for (const [scheme, preset] of Object.entries(PRESETS)) {
      const provider = execProvider(preset, `${scheme}://`, { env: process.env, trusted: true, where });
      await assert.rejects(
        provider.get('A', { item: 'x', section: 's' }),
        rejectsWith('ref_unsupported'),
        scheme,
      );
    }
  });
});

describe('a manifest', () => {
  it('cannot make this machine run a command of its own, or of a store of its own', async () => {
    await assert.rejects(open('exec://mine', {}, false), rejectsWith('provider_untrusted'));
    await assert.rejects(open('pass://?store_dir=/tmp/x', {}, false), rejectsWith('provider_untrusted'));
  });

  it('cannot have the token sent to a server that only it names', async () => {
    const env = { VAULT_TOKEN: secret(), VAULT_ADDR: 'https://vault.example.com:8200' };
    await assert.rejects(
      open('vault://evil.example:8200/secret', env, false),
      rejectsWith('provider_untrusted'),
    );
    await assert.rejects(
      open('vault://127.0.0.1:8200/secret', { VAULT_TOKEN: 'x' }, false),
      rejectsWith('provider_untrusted'),
    );
    assert.match(
      (await open('vault://vault.example.com:8200/team', env, false)).uri,
      /^vault:\/\/vault\.example\.com:8200\/team$/,
    );
  });

  it('cannot have a file outside of its project written', async () => {
    mkdirSync(join(root, 'project'), { recursive: true });
    const providers = registry();
    const named = (spec: string) =>
      providers.open({ spec, trusted: false, directory: join(root, 'project') }, where);
    const outside = await named('dotenv:../outside.env');
    await assert.rejects(
      outside.set?.('A', Buffer.from('x')) ?? Promise.resolve(),
      rejectsWith('provider_untrusted'),
    );
    const inside = await named('dotenv:.env.local');
    await inside.set?.('A', Buffer.from('x'));
    assert.equal((await inside.get('A'))?.toString(), 'x');
  });
});

describe('an address', () => {
  it('with a password or a token in it is refused, and not quoted', async () => {
    const value = secret();
    for (const spec of [
      `vault://user:${value}@host/secret`,
      `vault://hvs.${value}@host`,
      `keyring://x?password=${value}`,
      `onepassword://ops_${value}@vault`,
    ])
      await assert.rejects(open(spec), (error: Error) => {
        rejectsWith('provider_misconfigured')(error);
        assert.ok(!JSON.stringify(error).includes(value) && !error.message.includes(value), error.message);
        return true;
      });
  });

  it('of no provider says what was probably meant', async () => {
    await assert.rejects(open('keyrnig'), (error: unknown) => {
      assert.ok(isTallyError(error) && error.hint === 'did you mean keyring?');
      return rejectsWith('provider_unknown')(error);
    });
    for (const spec of ['', '://', 'ü', 'a b', 'keyring://\u0000', `x${'y'.repeat(5_000)}`])
      await assert.rejects(open(spec), rejectsWith('provider_unknown'));
  });
});

describe('a key-value server', () => {
  const token = `hvs.${secret()}`;

  it('that says no, is sealed, is silent or talks nonsense: each is its own kind, and none is a missing secret', async () => {
    const server = await startKvServer({ token, version: 2 });
    after(() => server.close());
    const at = `vault://127.0.0.1:${server.port}`;
    const get = async (spec: string, as = token) =>
      (await open(`${spec}?tls=false`, { VAULT_TOKEN: as })).get('A');
    await assert.rejects(get(`${at}/secret`, 'hvs.other'), rejectsWith('provider_denied'));
    await assert.rejects(get(`${at}/nowhere`), rejectsWith('provider_misconfigured'));
    assert.equal(await get(`${at}/secret`), undefined);
    for (const [mode, kind] of [
      ['sealed', 'provider_locked'],
      ['nonsense', 'provider_answer_invalid'],
      ['endless', 'provider_answer_invalid'],
      ['redirect', 'provider_failed'],
    ] as const) {
      server.mode = mode;
      await assert.rejects(get(`${at}/secret`), rejectsWith(kind), mode);
    }
    await assert.rejects(
      (await open(`vault://127.0.0.1:1/secret?tls=false`, { VAULT_TOKEN: token })).get('A'),
      rejectsWith('provider_unavailable'),
    );
    await assert.rejects(
      (await open(`${at}/secret`, { VAULT_TOKEN: token })).get('A'),
      rejectsWith('provider_unavailable'),
    );
    await assert.rejects((await open(`${at}/secret?tls=false`)).get('A'), rejectsWith('provider_locked'));
  });

  it('is logged in to with a role, whose halves another provider keeps, and the token is used again', async () => {
    const role = { id: secret(), secret: secret() };
    const server = await startKvServer({ token, version: 2, role });
    after(() => server.close());
    const providers = registry({ ROLE: role.id, SECRET: role.secret });
    const credentials = new Map([
      ['role_id', { provider: 'env', ref: { item: 'ROLE' } }],
      ['secret_id', { provider: 'env', ref: { item: 'SECRET' } }],
    ]);
    const spec = `vault://127.0.0.1:${server.port}/secret?auth=approle&tls=false`;
    const kv = await providers.open(
      { spec, trusted: true, directory: root, credentials, alias: 'kv' },
      where,
    );
    await kv.set?.('A', Buffer.from('value'));
    assert.equal((await kv.get('A'))?.toString(), 'value');
    assert.equal(server.seen.filter(({ path }) => path.includes('/login')).length, 1);
    assert.ok(!kv.uri.includes(role.secret) && !kv.uri.includes(role.id));
  });

  it('is only read where the manifest names an entry that others keep', async () => {
    const server = await startKvServer({ token, version: 2 });
    after(() => server.close());
    const kv = await open(`vault://127.0.0.1:${server.port}/secret?tls=false`, { VAULT_TOKEN: token });
    await assert.rejects(kv.get('A', { item: 'team/db' }), rejectsWith('ref_unsupported'));
    await assert.rejects(
      kv.get('A', { item: '../sys/seal', field: 'x' }),
      rejectsWith('provider_misconfigured'),
    );
    await assert.rejects(
      kv.set?.('A', Buffer.from('x'), { item: 'team/db', field: 'x' }) ?? Promise.resolve(),
      rejectsWith('provider_read_only'),
    );
  });
});

describe('a .env file', () => {
  it('with a line that is not understood is an error with its number', async () => {
    const cases: readonly (readonly [string, number])[] = [
      ['A=1\nnonsense\n', 2],
      ['A="open\nB=2', 1],
      ["# x\n\nA='open", 3],
      ['A="x" y\n', 1],
    ];
    for (const [text, line] of cases) {
      writeFileSync(join(root, 'bad.env'), text);
      await assert.rejects((await open('dotenv:bad.env')).get('A'), (error: Error) => {
        rejectsWith('provider_answer_invalid')(error);
        assert.match(error.message, new RegExp(`bad\\.env:${line} `));
        return true;
      });
    }
  });

  it('that is a directory or a pipe is not waited for', async () => {
    await assert.rejects((await open('dotenv:.')).get('A'), rejectsWith('provider_answer_invalid'));
    await assert.rejects((await open('dotenv:/dev/zero')).get('A'), rejectsWith('provider_answer_invalid'));
  });
});
