/** A session over a state directory, against writers that do not do their part. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { openSession } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';

test('a writer that takes no more clients is asked for a time, without haste, and then said to be unavailable', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'tally-open-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const paths = locate({ env: { TALLY_HOME: home }, home, tmp: tmpdir(), uid: process.getuid?.() ?? 0 });
  mkdirSync(dirname(paths.socket), { recursive: true, mode: 0o700 });
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(paths.socket, resolve));
  t.after(() => server.close());
  const opening = openSession({
    paths,
    client: { surface: 'cli' },
    onWarning: () => undefined,
    require: 'client',
    waitMs: 300,
  }).then((session) => session.ask('hello', {}).finally(() => session.close()));
  await assert.rejects(opening, { code: 'RECORDER_UNAVAILABLE', hint: /too many clients/ });
  assert.ok(connections <= 20, `${connections} connections`);
});
