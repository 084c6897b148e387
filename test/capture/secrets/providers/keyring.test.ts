/** The real keyring of this system, in a session of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

const PROGRAMS = ['dbus-run-session', 'gnome-keyring-daemon'];
const missing = PROGRAMS.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
const root = mkdtempSync(join(tmpdir(), 'keyring-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** In a fresh session bus, so that no keyring of whoever runs the tests is touched. */
function inSession(home: string, before: string, suite: string): { status: number | null; output: string } {
  mkdirSync(join(home, 'data'), { recursive: true });
  const run = spawnSync(
    'dbus-run-session',
    ['--', 'sh', '-c', `${before}; exec "$0" --test --test-reporter=tap "$1"`, process.execPath, suite],
    {
      env: {
        ...process.env,
        HOME: home,
        XDG_DATA_HOME: join(home, 'data'),
        XDG_RUNTIME_DIR: home,
        NODE_TEST_CONTEXT: undefined,
        DISPLAY: undefined,
      },
      encoding: 'utf8',
      timeout: 60_000,
    },
  );
  return { status: run.status, output: `${run.stdout}${run.stderr}` };
}

describe('the OS keyring', {
  skip: missing.length > 0 && 'needs dbus-run-session and gnome-keyring-daemon',
}, () => {
  it('keeps the suite of all providers, with gnome-keyring unlocked', () => {
    const unlock = 'printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1';
    const { status, output } = inSession(
      join(root, 'a'),
      unlock,
      join(import.meta.dirname, 'keyring-suite.ts'),
    );
    assert.equal(status, 0, output);
    assert.match(output, /^# pass 1[0-9]$/m);
    const vault = inSession(join(root, 'a'), unlock, join(import.meta.dirname, 'keyring-vault.ts'));
    assert.equal(vault.status, 0, vault.output);
    // The same keyring, which nobody unlocks now.
    const start = 'gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1';
    const locked = inSession(join(root, 'a'), start, join(import.meta.dirname, 'keyring-locked.ts'));
    assert.equal(locked.status, 0, locked.output);
  });

  it('says what to do where there is none', () => {
    const none = inSession(
      join(root, 'b'),
      'unset DBUS_SESSION_BUS_ADDRESS',
      join(import.meta.dirname, 'keyring-none.ts'),
    );
    assert.equal(none.status, 0, none.output);
  });
});
