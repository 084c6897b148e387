import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeHome } from './home.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/tally.js', import.meta.url));
/** A mount of its own, gone with the process. */
const SCRIPT = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" || exit 99; exec "$@"';
const noMounts = spawnSync('unshare', ['-m', 'true']).status !== 0;

for (const mode of [0o700, 0o755])
  test(`a state directory on a read-only disk is told as such, with keys/ of mode ${mode.toString(8)}`, {
    skip: noMounts && 'this user may not mount',
  }, async (t) => {
    const home = makeHome(t);
    assert.equal((await home.tally(['init'])).code, 0);
    chmodSync(join(home.directory, 'keys'), mode);
    for (const args of [
      ['up', '--port', '0'],
      ['call', 'http://127.0.0.1:9/', '--bearer', 'KEY'],
    ]) {
      const done = spawnSync(
        'unshare',
        ['-m', 'sh', '-c', SCRIPT, home.directory, process.execPath, PROGRAM, ...args],
        {
          env: { ...process.env, TALLY_HOME: home.directory, XDG_RUNTIME_DIR: join(home.directory, 'r') },
          encoding: 'utf8',
          timeout: 30_000,
        },
      );
      assert.equal(done.status, 8, done.stderr);
      assert.match(done.stderr, /LOG_READ_ONLY/);
      assert.match(done.stderr, /writable for this user/);
      assert.doesNotMatch(done.stderr, /bug of Tallystick/);
    }
  });
