import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { shimText } from '../../src/cli/commands/install/shim-text.ts';
import { type Home, makeHome, readyHome } from './home.ts';

interface Done {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program in the home's environment. */
function program(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Done> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const environment = (home: Home): Readonly<Record<string, string>> => ({
  TALLY_HOME: home.directory,
  XDG_RUNTIME_DIR: join(home.directory, 'r'),
  TALLY_UI_PORT: '0',
});

test('the command agentsecrets is written, found on PATH, written again, and removed', async (t) => {
  const home = makeHome(t);
  const directory = join(home.directory, "a 'quoted' $(dir)");
  const path = join(directory, 'agentsecrets');
  const first = await home.tally(['install', 'agentsecrets-shim', directory]);
  assert.equal(first.code, 0);
  assert.match(first.stderr, /not found through PATH/);
  assert.equal(statSync(path).mode & 0o777, 0o755);
  const env = { ...environment(home), PATH: `${directory}:${process.env.PATH}` };
  const again = await home.tally(['install', 'agentsecrets-shim', directory, '--json'], { env });
  assert.deepEqual([again.stderr, again.json()], ['', { path, replaced: true, found: path }]);
  const found = await program('sh', ['-c', 'agentsecrets --version && agentsecrets --help'], env);
  assert.match(found.stdout, /^\d+\.\d+\.\d+\nThe command of AgentSecrets/);
  assert.equal((await home.tally(['uninstall', 'agentsecrets-shim', directory])).code, 0);
  assert.ok(!existsSync(path));
  assert.equal((await home.tally(['uninstall', 'agentsecrets-shim', directory])).code, 3);
});

test('a file of somebody else is neither replaced nor removed, unless it is asked for', async (t) => {
  const home = makeHome(t);
  const directory = join(home.directory, 'bin');
  mkdirSync(directory);
  const path = join(directory, 'agentsecrets');
  const theirs = join(home.directory, 'theirs');
  writeFileSync(theirs, '#!/bin/sh\necho theirs\n');
  symlinkSync(theirs, path);
  const refused = await home.tally(['install', 'agentsecrets-shim', directory]);
  assert.deepEqual([refused.code, refused.error().code], [2, 'USAGE']);
  assert.match(refused.error().hint ?? '', /--force/);
  assert.equal((await home.tally(['uninstall', 'agentsecrets-shim', directory])).code, 2);
  assert.equal(readFileSync(path, 'utf8'), '#!/bin/sh\necho theirs\n');
  assert.equal((await home.tally(['install', 'agentsecrets-shim', directory, '--force'])).code, 0);
  // The link was replaced, not what it led to.
  assert.equal(readFileSync(theirs, 'utf8'), '#!/bin/sh\necho theirs\n');
  assert.equal((await home.tally(['uninstall', 'agentsecrets-shim', directory])).code, 0);
});

test('what clients ask of agentsecrets is done by tally: proxy, call, secrets, env, log', async (t) => {
  const { home, upstream, secret } = await readyHome(t);
  const shim = join(home.directory, 'agentsecrets');
  writeFileSync(shim, shimText(process.execPath, new URL('../../bin/tally.js', import.meta.url).pathname), {
    mode: 0o755,
  });
  const env = environment(home);
  const ask = (...args: readonly string[]) => program(shim, args, env);
  const hex = randomBytes(12).toString('hex');
  const odd = `odd "value" $(id) \`id\` ' = ${hex}`;

  const down = await ask('proxy', 'status');
  assert.equal(down.code, 1);
  const started = await ask('proxy', 'start', '--port', '0');
  assert.equal(started.code, 0, started.stderr);
  try {
    const status = await ask('proxy', 'status');
    // The published JavaScript client reads the port with this.
    const port = Number(/port[\s:]+([0-9]+)/i.exec(status.stdout)?.[1]);
    assert.equal(status.code, 0);
    const health = (await (await fetch(`http://localhost:${port}/health`)).json()) as { project: string };
    assert.equal(health.project, 'local');

    // The published Python client looks for this before it asks for JSON.
    assert.ok((await ask('call', '--help')).stdout.includes('--output'));
    const url = `${upstream.url}/echo`;
    const called = await ask('call', '--url', url, '--method', 'GET', '--bearer', 'KEY', '--output', 'json');
    assert.deepEqual([called.code, (JSON.parse(called.stdout) as { status: number }).status], [0, 200]);
    const stopped = await ask(
      'call',
      '--url',
      'https://other.example/',
      '--bearer',
      'KEY',
      '--output',
      'json',
    );
    assert.match(stopped.stdout, /domain_not_in_allowlist/);
    assert.notEqual(stopped.code, 0);

    assert.equal((await ask('secrets', 'set', `ODD_KEY=${odd}`)).code, 0);
    assert.equal((await ask('secrets', 'list')).stdout, 'Key\nKEY\nODD_KEY\n');
    const got = await ask('secrets', 'get', 'ODD_KEY');
    assert.equal(got.stdout, '\nODD_KEY\n', 'its name, never its value');
    assert.equal((await ask('secrets', 'get', '.*')).code, 3);
    const given = await ask(
      'env',
      '--',
      'sh',
      '-c',
      '[ "$ODD_KEY" = "$1" ] && printf "%s\\n" "$2"; exit 7',
      'sh',
      odd,
      '*',
    );
    assert.deepEqual([given.code, given.stdout], [7, '*\n']);

    const logged = await ask('proxy', 'logs', '--last', '5', '--secret', 'KEY');
    assert.match(logged.stdout, /127\.0\.0\.1/);
    assert.equal((await ask('log', 'list', '--domain', 'other.example', '--json')).code, 0);
    assert.equal((await ask('environment', 'switch', 'prod')).code, 2);
  } finally {
    assert.equal((await ask('proxy', 'stop')).code, 0);
  }
  assert.equal((await ask('proxy', 'status')).code, 1);
  const stored = JSON.stringify(home.entries());
  assert.ok(!stored.includes(secret) && !stored.includes(hex));
});
