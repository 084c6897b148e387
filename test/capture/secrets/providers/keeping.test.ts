/** Every place that keeps secrets, the real one where this machine has it, through one suite. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Where } from '../../../../src/capture/secrets/provider.ts';
import { createProviders } from '../../../../src/capture/secrets/providers/registry.ts';
import { openVault } from '../../../../src/capture/secrets/vault.ts';
import { providerSuite } from '../../../suites/providers.ts';
import { startKvServer } from '../../../support/kv-server.ts';

const root = mkdtempSync(join(tmpdir(), 'providers-'));
after(() => rmSync(root, { recursive: true, force: true }));

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

function registry(directory: string, env: Readonly<Record<string, string | undefined>> = {}) {
  mkdirSync(directory, { recursive: true });
  const vault = openVault({
    path: join(directory, 'v', 's.vault'),
    key: { path: join(directory, 'k', 'key') },
  });
  return createProviders({
    env: { ...process.env, ...env },
    home: directory,
    directory,
    locks: join(directory, 'locks'),
    vault: () => vault,
  });
}

const opens = (spec: string, directory: string, env?: Readonly<Record<string, string | undefined>>) => () => {
  const providers = registry(directory, env);
  return {
    open: (where: Where | undefined) => providers.open({ spec, trusted: true, directory }, where),
    close: () => providers.close(),
  };
};

providerSuite('the local vault', opens('tally', join(root, 'local')), { bytes: true });
providerSuite('a .env file', opens('dotenv:.env', join(root, 'dotenv')), { flat: true });

/** A key of its own in a home of its own: pass asks for no passphrase then. */
function passStore(directory: string): Readonly<Record<string, string>> {
  const env = { GNUPGHOME: join(directory, 'gpg'), PASSWORD_STORE_DIR: join(directory, 'store') };
  mkdirSync(env.GNUPGHOME, { recursive: true, mode: 0o700 });
  const with_ = { env: { ...process.env, ...env }, stdio: 'ignore' as const };
  execFileSync(
    'gpg',
    [
      '--batch',
      '--pinentry-mode',
      'loopback',
      '--passphrase',
      '',
      '--quick-gen-key',
      'Test <t@example.org>',
      'default',
      'default',
      'never',
    ],
    with_,
  );
  execFileSync('pass', ['init', 't@example.org'], with_);
  after(() => spawnSync('gpgconf', ['--kill', 'all'], with_));
  return env;
}

providerSuite(
  'pass, with gpg',
  () => {
    const directory = join(root, 'pass');
    return opens('pass', directory, passStore(directory))();
  },
  { bytes: true, lists: false, missing: !has('pass') || !has('gpg') },
);

const kvToken = 'hvs.for-the-test-only';
for (const [name, search] of [
  ['a key-value server, version 2', ''],
  ['a key-value server, version 1', '&kv=1'],
] as const)
  providerSuite(name, async () => {
    const server = await startKvServer({ token: kvToken, version: search === '' ? 2 : 1 });
    const directory = join(root, `kv${search}`);
    const { open, close } = opens(`vault://127.0.0.1:${server.port}/secret?tls=false${search}`, directory, {
      VAULT_TOKEN: kvToken,
    })();
    return {
      open,
      close: async () => {
        close();
        await server.close();
      },
    };
  });

// Against a server that somebody runs for this: vault server -dev, bao server -dev.
const real = process.env.TALLY_TEST_VAULT_ADDR;
providerSuite(
  'the key-value server of TALLY_TEST_VAULT_ADDR',
  opens('vault://', join(root, 'kv-real'), {
    VAULT_ADDR: real,
    VAULT_TOKEN: process.env.TALLY_TEST_VAULT_TOKEN,
  }),
  { missing: real === undefined },
);

/** A manager of one’s own: a script that keeps files, described as the configuration describes it. */
function scripted(directory: string) {
  mkdirSync(directory, { recursive: true });
  const script = join(directory, 'manager');
  writeFileSync(
    script,
    `#!/bin/sh
set -eu
dir='${directory}/kept'
mkdir -p "$dir"
file="$dir/$(printf %s "$2" | od -An -tx1 | tr -d ' \\n')"
case "$1" in
  read) [ -e "$file" ] || exit 44; cat "$file" ;;
  write) cat > "$file" ;;
  drop) [ -e "$file" ] || exit 44; rm "$file" ;;
esac
`,
    { mode: 0o755 },
  );
  const vault = openVault({ path: join(directory, 'v'), key: { path: join(directory, 'k', 'key') } });
  const providers = createProviders({
    env: process.env,
    home: directory,
    directory,
    locks: join(directory, 'locks'),
    vault: () => vault,
    commands: new Map([
      [
        'mine',
        {
          get: [script, 'read', '{item}'],
          set: [script, 'write', '{item}'],
          delete: [script, 'drop', '{item}'],
          item: '{project}/{profile}/{key}',
          missingCodes: [44],
          newline: false,
        },
      ],
    ]),
  });
  return {
    open: (where: Where | undefined) =>
      providers.open({ spec: 'exec://mine', trusted: true, directory }, where),
    close: () => providers.close(),
  };
}
providerSuite('a command that the configuration describes', () => scripted(join(root, 'exec')), {
  bytes: true,
  lists: false,
});
