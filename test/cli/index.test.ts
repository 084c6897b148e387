/** `tally index`, and what other commands say of it, through the real command. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from './home.ts';

test('tally index tells how far the index is, makes it again, and mends a damaged one without being asked', async (t) => {
  const home = makeHome(t);
  assert.equal((await home.tally(['init'])).code, 0);
  const path = join(home.directory, 'index.sqlite');
  const status = async (): Promise<Record<string, unknown>> =>
    JSON.parse((await home.tally(['index', 'status', '--json'])).stdout) as Record<string, unknown>;
  rmSync(path, { force: true });
  assert.equal((await status()).state, 'none');

  const listed = await home.tally(['log', 'list', '--json']);
  assert.equal(listed.code, 0);
  const ready = await status();
  assert.equal(ready.state, 'ready');
  assert.equal(ready.lag, 0);
  assert.ok(Number(ready.entries) > 0 && Number(ready.bytes) > 0);

  writeFileSync(path, 'no database');
  assert.equal((await status()).state, 'damaged');
  assert.match((await home.tally(['doctor'])).stdout, /index .*damaged/);
  const again = await home.tally(['log', 'list', '--json']);
  assert.equal(again.code, 0);
  assert.match(again.stderr, /the index is made again: it is damaged/);
  assert.deepEqual(again.stdout, listed.stdout);

  const rebuilt = await home.tally(['index', 'rebuild']);
  assert.equal(rebuilt.code, 0);
  assert.match(rebuilt.stdout, /^made again: \d+ entries in /);
  const told = await home.tally(['status', '--json']);
  assert.deepEqual((JSON.parse(told.stdout) as { log: { index: { lag: number } } }).log.index.lag, 0);
});
