/** Hundreds of odd connections; scripts/raw-sockets.ts has the whole, and runs these too. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('../../scripts/raw-sockets.ts', import.meta.url));

/** Fails with all that was said, the seed too. */
async function attack(...options: readonly string[]): Promise<void> {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--built', ...options]);
  const [, hits = '0'] = / (\d+) at the upstream/.exec(stdout) ?? [];
  assert.ok(Number(hits) > 20, stdout);
}

test('whatever is sent to its port, the broker lives, and nothing reaches an upstream that is not on record', () =>
  attack('--connections', '600', '--at-once', '48'));

test('when the broker is killed in the middle of calls, each that reached the upstream has a durable beginning', () =>
  attack('--connections', '240', '--at-once', '24', '--kills', '3'));
