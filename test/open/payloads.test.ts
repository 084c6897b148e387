/** Payloads of other programs on the machine: through the socket, within its lines. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { keysOf, readPayload } from '../../src/cli/payloads.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { openSession } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';
import { openReader } from '../../src/reader.ts';

test('a program hands a payload of 700 KiB to the writer and gets a durable answer; one that fits no line is refused', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'tally-open-'));
  const env = { TALLY_HOME: join(home, 'h'), XDG_RUNTIME_DIR: join(home, 'r') };
  mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 });
  const paths = locate({ env, home, tmp: home, uid: process.getuid?.() ?? 0 });
  const common = { paths, onWarning: () => undefined, payloads: { keep: { '*': 'full' } } } as const;
  const writer = await openSession({ ...common, client: { surface: 'cli' }, require: 'writer' });
  const client = await openSession({ ...common, client: { surface: 'sdk' }, require: 'client' });
  t.after(async () => {
    await client.close();
    await writer.close();
    rmSync(home, { recursive: true, force: true });
  });
  assert.equal(client.role, 'client');

  const bytes = randomBytes(700 * 1024);
  const event = (data: Buffer) => ({
    type: 'tool.result',
    phase: 'point' as const,
    payload: {
      media_type: 'application/octet-stream',
      class: 'result',
      data: data.toString('base64'),
      encoding: 'base64' as const,
    },
  });
  const { index } = await client.ask('record', { event: event(bytes) });
  const log = join(paths.logs, 'local');
  const [segment] = await readdir(join(log, 'entries'));
  const line = (await readFile(join(log, 'entries', segment ?? ''), 'utf8')).split('\n')[index] ?? '';
  const entry = JSON.parse(line) as JsonObject;
  const read = await readPayload(openReader(paths), entry, keysOf(paths), { current: true });
  assert.ok(read.status === 'read');
  assert.ok(Buffer.from(read.plain).equals(bytes));

  await assert.rejects(client.ask('record', { event: event(randomBytes(800 * 1024)) }), {
    code: 'ENTRY_TOO_LARGE',
  });
  // Nothing was sent, so the connection is good.
  assert.ok((await client.ask('record', { event: event(Buffer.from('small')) })).index > index);
});
