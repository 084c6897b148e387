/** kill -9 while payloads are written: every acknowledged one is there, opens, and verifies. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { keysOf, readPayload } from '../../src/cli/payloads.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { openReader } from '../../src/reader.ts';
import { makeHome } from '../support/home.ts';

const OPEN = fileURLToPath(new URL('../../src/open.ts', import.meta.url));
const PATHS = fileURLToPath(new URL('../../src/paths.ts', import.meta.url));

/** Records payloads, several at once, and says of each when it is acknowledged. */
const PROGRAM = `
import { openSession } from ${JSON.stringify(OPEN)};
import { locate } from ${JSON.stringify(PATHS)};
const env = process.env;
const paths = locate({ env, home: env.HOME, tmp: env.HOME, uid: process.getuid() });
const session = await openSession({ paths, client: { surface: 'sdk' }, onWarning() {} });
for (let i = 0; ; i++) {
  await Promise.all([0, 1, 2].map(async (j) => {
    const data = 'payload ' + i + '.' + j + ' ' + 'x'.repeat((i * 37 + j * 101) % 3000);
    const event = { type: 'tool.call', phase: 'point', run_id: 'run_' + (i % 4),
      payload: { media_type: 'text/plain', class: 'arguments', data } };
    const { index } = await session.ask('record', { event });
    process.stdout.write(index + ' ' + data.length + '\\n');
  }));
}`;

test('after kill -9 every acknowledged payload is there whole, and the log verifies', async () => {
  const home = await makeHome();
  const told = new Map<number, number>();
  try {
    for (const lines of [1, 20, 90]) {
      const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
        env: home.env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.split('\n').length > lines) child.kill('SIGKILL');
      });
      await once(child, 'close');
      for (const line of output.split('\n').slice(0, -1)) {
        const [index, length] = line.split(' ').map(Number);
        told.set(index ?? -1, length ?? -1);
      }
    }
    const segment = join(home.paths.logs, 'local/entries/000000000000.jsonl');
    const stored = (await readFile(segment, 'utf8')).split('\n');
    assert.ok(told.size >= 100, `${told.size} were acknowledged`);
    for (const [index, length] of told) {
      const entry = JSON.parse(stored[index] ?? '') as JsonObject;
      const read = await readPayload(openReader(home.paths), entry, keysOf(home.paths), { current: true });
      assert.ok(read.status === 'read', `entry ${index}: ${read.status}`);
      assert.equal(read.plain.length, length);
    }
    const { stdout, code } = await home.tally(['verify', '--json']);
    const { payloads } = JSON.parse(stdout);
    assert.deepEqual([code, payloads.status], [0, 'pass']);
    assert.equal(payloads.checked, payloads.cited);
    assert.ok(payloads.cited >= told.size);
  } finally {
    await home.remove();
  }
});
