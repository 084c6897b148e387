/** What somebody waits for who asks for one secret: the whole program, its record durable, and the value. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freshKdf, sealBytes, unsealBytes } from '../src/capture/secrets/seal.ts';
import { openVault } from '../src/capture/secrets/vault.ts';
import { median, table } from './stats.ts';
import { scratch } from './support.ts';

const TIMES = 11;
const TALLY = fileURLToPath(new URL('../bin/tally.js', import.meta.url));

interface Took {
  /** Until the first byte of the value. */
  readonly value: number;
  readonly whole: number;
}

function timed(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Took> {
  const from = performance.now();
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let value = Number.NaN;
  child.stdout.once('data', () => {
    value = performance.now() - from;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve({ value, whole: performance.now() - from });
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code}`));
    });
  });
}

async function times(one: () => Promise<Took>): Promise<Took> {
  const took: Took[] = [];
  // Once before: what is cached is cached.
  await one();
  for (let i = 0; i < TIMES; i++) took.push(await one());
  return { value: median(took.map(({ value }) => value)), whole: median(took.map(({ whole }) => whole)) };
}

const ms = (value: number): string => (Number.isNaN(value) ? '' : `${value.toFixed(0)} ms`);
const row = (what: string, { value, whole }: Took, budget = ''): string[] => [
  what,
  ms(value),
  ms(whole),
  budget,
];

export async function run(): Promise<string> {
  const { directory, remove } = await scratch();
  try {
    const secret = randomBytes(24).toString('hex');
    const home = join(directory, 'home');
    const env = {
      PATH: process.env.PATH,
      HOME: directory,
      TALLY_HOME: home,
      XDG_RUNTIME_DIR: join(directory, 'r'),
    };
    const vault = openVault({
      path: join(home, 'vault', 'secrets.vault'),
      key: { path: join(home, 'keys', 'vault.key') },
    });
    for (let i = 0; i < 10; i++) await vault.set(`KEY_${i}`, secret);
    vault.close();
    const get = () => timed(process.execPath, [TALLY, 'secrets', 'get', 'KEY_0'], env);

    const rows = [
      row('node, an empty program', await times(() => timed(process.execPath, ['-e', '0'], env))),
      row('`tally secrets get`, nothing else runs', await times(get), '< 150 ms to the value'),
    ];
    const up = spawn(process.execPath, [TALLY, 'up', '--port', '0'], {
      env: { ...env, TALLY_UI_PORT: '0' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      await new Promise((resolve) => up.stdout.once('data', resolve));
      rows.push(row('the same beside `tally up`', await times(get)));
    } finally {
      up.kill('SIGTERM');
      await new Promise((resolve) => up.once('close', resolve));
    }
    const pass = passStore(directory, secret);
    if (pass !== undefined) {
      rows.push(
        row('`pass show`, its agent warm', await times(() => timed('pass', ['show', 'KEY_0'], pass))),
      );
      spawnSync('gpgconf', ['--kill', 'all'], { env: pass });
    }
    rows.push(row('opening a key with a passphrase (scrypt), besides', await times(unlocking())));
    return `## Secrets\n\nMedians of ${TIMES}. A get writes two entries, the first durable before the value is read.\n\n${table(['what', 'to the value', 'whole process', 'budget'], rows)}`;
  } finally {
    await remove();
  }
}

/** A store of its own with a key of its own; undefined where pass or gpg is missing. */
function passStore(directory: string, secret: string): NodeJS.ProcessEnv | undefined {
  const gnupg = join(directory, 'gnupg');
  mkdirSync(gnupg);
  chmodSync(gnupg, 0o700);
  const env = {
    PATH: process.env.PATH,
    HOME: directory,
    GNUPGHOME: gnupg,
    PASSWORD_STORE_DIR: join(directory, 'pass'),
  };
  const call = (program: string, args: readonly string[], input = ''): boolean =>
    spawnSync(program, args, { env, input, stdio: ['pipe', 'ignore', 'ignore'] }).status === 0;
  const made =
    call('gpg', [
      '--batch',
      '--passphrase',
      '',
      '--quick-gen-key',
      'bench@example.test',
      'default',
      'default',
      'never',
    ]) &&
    call('pass', ['init', 'bench@example.test']) &&
    call('pass', ['insert', '-m', 'KEY_0'], secret);
  return made ? env : undefined;
}

function unlocking(): () => Promise<Took> {
  const [passphrase, kdf] = ['correct horse battery staple', freshKdf()];
  const sealed = sealBytes(randomBytes(32), passphrase, kdf, 'bench');
  return async () => {
    const from = performance.now();
    await unsealBytes(await sealed, passphrase, kdf, 'bench');
    return { value: Number.NaN, whole: performance.now() - from };
  };
}
