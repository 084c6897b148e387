/** A process that seals is killed at any moment: what it leaves is read as before, and sealing again ends the same. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFileStore } from '../../src/store/file/store.ts';
import { contents } from '../suites/store.ts';
import { linesOf, writeSegments } from '../support/sealed.ts';

const SEGMENTS = 8;
const ENTRIES = 1024;
const ROUNDS = 6;
const STORE = new URL('../../src/store/file/store.ts', import.meta.url).href;
const SEAL = `import { openFileStore } from ${JSON.stringify(STORE)};
const store = await openFileStore(process.argv[1]);
process.stdout.write('ready');
for (let n = 0; n < ${SEGMENTS}; n++) await store.seal(n * ${ENTRIES});`;

test('a process killed while it seals leaves every line, once, whatever it was doing', {
  timeout: 60_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tally-sealed-kill-'));
  const firsts = Array.from({ length: SEGMENTS }, (_, n) => n * ENTRIES);
  try {
    let cutShort = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const log = join(directory, String(round));
      await writeSegments(log, [...firsts, SEGMENTS * ENTRIES], []);
      const child = spawn(process.execPath, ['--input-type=module', '-e', SEAL, log], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, round * 8));
      child.kill('SIGKILL');
      await ended;
      const store = await openFileStore(log);
      const segments = await store.segments();
      assert.deepEqual(
        segments.map(({ first }) => first),
        firsts,
      );
      if (segments.some(({ sealed }) => !sealed)) cutShort++;
      for (const first of firsts) {
        assert.equal(await contents(store, first), linesOf(first, first + ENTRIES), `round ${round}`);
        await store.seal(first);
        assert.equal(await contents(store, first), linesOf(first, first + ENTRIES), `round ${round}`);
      }
      assert.ok((await readdir(join(log, 'entries'))).every((name) => name.endsWith('.jsonl.zst')));
      await store.close();
    }
    assert.ok(cutShort > 0, 'no process was killed in time');
  } finally {
    await rm(directory, { recursive: true });
  }
});
