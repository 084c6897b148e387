import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../../src/cli/table.ts';
import { makeHome, readyHome } from './home.ts';

const words = (stdout: string): readonly string[] =>
  stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0] ?? '']));

test('every command, its subcommands and its options can be completed', async (t) => {
  const home = makeHome(t);
  const ask = async (...typed: readonly string[]) =>
    words((await home.tally(['completion', 'words', '--', ...typed])).stdout);
  assert.deepEqual(
    await ask(''),
    COMMANDS.map(({ name }) => name),
  );
  assert.deepEqual(await ask('dem'), ['demo']);
  assert.ok((await ask('policy', '')).includes('allow'));
  assert.deepEqual(await ask('policy', 'allow', '--int'), ['--internal']);
  assert.ok((await ask('agent', 'token', '')).includes('revoke'));
  assert.deepEqual(await ask('run', '--', ''), []);
  assert.deepEqual(await ask('nonsense', ''), []);
});

test('names of secrets are offered where one is wanted', async (t) => {
  const { home } = await readyHome(t);
  const ask = async (...typed: readonly string[]) =>
    words((await home.tally(['completion', 'words', '--', ...typed])).stdout);
  assert.deepEqual(await ask('call', '--bearer', ''), ['KEY']);
  assert.deepEqual(await ask('secrets', 'delete', 'K'), ['KEY']);
});

test('the script for bash is read by bash and completes', async (t) => {
  const home = makeHome(t);
  const { stdout } = await home.tally(['completion', 'bash']);
  const script = join(home.directory, 'completion.bash');
  writeFileSync(
    script,
    `${stdout}
tally() { "${process.execPath}" "${new URL('../../bin/tally.js', import.meta.url).pathname}" "$@"; }
COMP_WORDS=(tally pol); COMP_CWORD=1; _tally; printf '%s\\n' "\${COMPREPLY[@]}"`,
  );
  const done = spawnSync('bash', [script], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, TALLY_HOME: home.directory },
  });
  assert.deepEqual([done.stdout, done.stderr], ['policy\n', '']);
});

test('a shell that nobody wrote a script for is a usage error', async (t) => {
  const done = await makeHome(t).tally(['completion', 'csh']);
  assert.deepEqual([done.code, done.error().code], [2, 'USAGE']);
});
