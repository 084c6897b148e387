import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { wantsJson } from '../../src/cli/context.ts';
import { asTallyError } from '../../src/cli/output/failure.ts';
import { COMMANDS } from '../../src/cli/table.ts';
import { TallyError } from '../../src/core/error.ts';
import { type Home, makeHome } from '../support/home.ts';

let home: Home;
before(async () => {
  home = await makeHome();
});
after(() => home.remove());

const failure = (stderr: string) =>
  (JSON.parse(stderr) as { error: { code: string; message: string; hint?: string } }).error;

describe('tally', () => {
  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    assert.deepEqual(await home.tally(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('lists every command with and without --help', async () => {
    for (const args of [[], ['--help'], ['help']]) {
      const { stdout, code } = await home.tally(args);
      assert.equal(code, 0);
      for (const { name } of COMMANDS) assert.match(stdout, new RegExp(`^ {2}${name}\\b`, 'm'));
    }
  });

  for (const { name, load } of COMMANDS) {
    it(`loads ${name} and shows its help`, async () => {
      assert.equal(typeof (await load()).build, 'function');
      const { stdout, code, stderr } = await home.tally([name, '--help']);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, new RegExp(`Usage: tally ${name}`));
    });
  }

  it('shows the examples of a command before everything else', async () => {
    assert.match((await home.tally(['log', 'list', '--help'])).stdout, /^Examples:\n/);
  });

  it('asks what was meant by a command or a flag that it does not know', async () => {
    const command = await home.tally(['lgo']);
    assert.equal(command.code, 2);
    assert.match(failure(command.stderr).hint ?? '', /log/);
    const flag = await home.tally(['log', 'list', '--jsn']);
    assert.equal(flag.code, 2);
    assert.match(failure(flag.stderr).hint ?? '', /--json/);
  });

  it('shows the subcommands of a group that was called without one, on standard error', async () => {
    const { stdout, stderr, code } = await home.tally(['log']);
    assert.deepEqual([stdout, code], ['', 2]);
    assert.match(stderr, /list \[options\]/);
  });

  it('shows details of a failure only when it is asked to', async () => {
    const plain = await home.tally(['log', 'show', '1']);
    assert.doesNotMatch(plain.stderr, /\.js:\d+/);
    const debug = await home.tally(['log', 'show', '1'], { env: { TALLY_DEBUG: '1' } });
    assert.match(debug.stderr, /\.js:\d+/);
  });
});

describe('a failure', () => {
  it('that is not ours is called a bug of ours, with the way to its details', () => {
    const error = asTallyError(new TypeError('x is not a function'));
    assert.equal(error.code, 'INTERNAL');
    assert.match(error.hint ?? '', /TALLY_DEBUG=1/);
    const own = new TallyError('NOT_FOUND', 'gone', { hint: 'look elsewhere' });
    assert.equal(asTallyError(own), own);
  });

  it('is JSON when asked for or when nobody reads it on a terminal, and flags of a child do not count', () => {
    assert.equal(wantsJson(['log', 'list'], true), false);
    assert.equal(wantsJson(['log', 'list'], false), true);
    assert.equal(wantsJson(['log', 'list', '--json'], true), true);
    assert.equal(wantsJson(['run', '--', 'curl', '--json', '{}'], true), false);
  });
});
