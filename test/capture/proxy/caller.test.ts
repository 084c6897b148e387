/** The process behind a connection, as Linux tells it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, realpathSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCallers } from '../../../src/capture/proxy/caller.ts';
import { inodeOf, readStat } from '../../../src/capture/proxy/caller-proc.ts';
import { stage, until } from './stage.ts';

const linux = process.platform === 'linux';

test('a connection is found by both of its ports, on this machine only', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:225F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 100 0 0 10 0',
    '   1: 0100007F:C001 0100007F:225F 01 00000000:00000000 02:00000A3B 00000000  1000        0 101 1 0 20 4 0 10 -1',
    '   2: 0100007F:225F 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 102 1 0 20 4 0 10 -1',
    '   3: 0A00000A:C002 0100007F:225F 01 00000000:00000000 00:00000000 00000000  1000        0 103 1 0 20 4 0 10 -1',
    '   4: 0100007F:C003 0100007F:225F 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 0 10 -1',
  ].join('\n');
  assert.equal(inodeOf(table, { theirs: 0xc001, ours: 0x225f }), '101');
  assert.equal(inodeOf(table, { theirs: 0x225f, ours: 0xc001 }), '102');
  for (const theirs of [0xc002, 0xc003, 0xc004])
    assert.equal(inodeOf(table, { theirs, ours: 0x225f }), undefined);
});

test('the name of a process is never taken for what the kernel says', () => {
  const numbers = Array.from({ length: 50 }, (_, i) => String(i));
  const text = `12 (evil) S 1 (x) S 77 ${numbers.join(' ')}`;
  assert.deepEqual(readStat(text), { ppid: 77, started: '17' });
});

test('whatever stands in the files of the system, reading them ends', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.nat(65_535), fc.nat(65_535), (text, theirs, ours) => {
      inodeOf(text, { theirs, ours });
      const stat = readStat(text);
      assert.ok(stat === undefined || Number.isSafeInteger(stat.ppid));
    }),
    { numRuns: 500 },
  );
});

test('a call says which process made it, once that is known, as inferred', {
  skip: !linux && 'only Linux has /proc',
}, async (t) => {
  const callers = createCallers('linux');
  assert.ok(callers !== undefined);
  t.after(() => callers.close());
  const s = await stage(t, { callers });
  const up = await s.upstream((_req, res) => res.end('x'));
  // Two calls on one connection, the second when it is asked to.
  const child = spawn(
    process.execPath,
    [
      '-e',
      `const http = require('node:http');
       const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
       const call = () => http.get({ host: '127.0.0.1', port: ${s.port}, path: '${up.origin}/', headers: { Host: '${new URL(up.origin).host}' }, agent }, (res) => res.resume().on('end', () => console.log(res.statusCode)));
       process.stdin.on('data', call);`,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  t.after(() => child.kill());
  const call = async (): Promise<string> => {
    child.stdin.write('\n');
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return line.toString().trim();
  };
  const exe_hash = createHash('sha256').update(readFileSync(process.execPath)).digest('hex');
  assert.equal(await call(), '200');
  let last: ReturnType<typeof s.entries> = [];
  await until(
    () => {
      last = s.entries();
      const done = last.at(-1)?.actor?.os?.exe_hash !== undefined;
      if (!done && s.broker.stats().active === 0) child.stdin.write('\n');
      return done;
    },
    'the process was found',
    20_000,
  );
  const entry = last.at(-1);
  assert.deepEqual(entry?.actor?.os, {
    pid: child.pid,
    ppid: process.pid,
    exe: realpathSync(process.execPath),
    exe_hash,
  });
  assert.equal(entry?.quality?.['actor.os'], 'inferred');
  for (const each of s.entries())
    assert.ok(each.actor?.os === undefined || each.quality?.['actor.os'] === 'inferred');
});

test('where there is no /proc nothing is said of callers', () => {
  assert.equal(createCallers('darwin'), undefined);
});
