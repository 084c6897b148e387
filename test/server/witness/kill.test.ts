import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encodeAddCheckpoint } from '../../../src/core/tlog/witness-protocol.ts';
import { trustLog } from '../../../src/server/witness/logs.ts';
import { fileObjects } from '../../../src/store/file/objects.ts';
import { type GrownLog, growLog, scratch } from '../../support/witness.ts';

const PROGRAM = fileURLToPath(new URL('killed.ts', import.meta.url));
const KILLS = 12;
const LOGS_PER_KILL = 3;
const SIZES = 12;

async function start(directory: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, url: line.toString().trim() };
}

/** One branch of a log, driven through all its sizes as the protocol says; it ends when the witness does. */
async function drive(url: string, branch: GrownLog, given: Set<number>): Promise<void> {
  let known = 0;
  for (let size = 1; size <= SIZES; size++) {
    for (let tries = 0; tries < 3; tries++) {
      const { note, consistencyFrom } = branch.at(size);
      if (known > size) break;
      const body = encodeAddCheckpoint({ oldSize: known, proof: await consistencyFrom(known), note });
      let status: number;
      let text: string;
      try {
        const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: Buffer.from(body) });
        status = answer.status;
        text = await answer.text();
      } catch {
        // It was killed.
        return;
      }
      assert.ok([200, 409, 422].includes(status), `${status} ${text}`);
      if (status === 200) {
        given.add(size);
        known = size;
      }
      if (status !== 409) break;
      known = Number(text);
    }
  }
}

test('a witness that is killed again and again cosigns one branch of each log only', {
  timeout: 120_000,
}, async (t) => {
  let running: ChildProcess | undefined;
  // Before the directory goes: what still writes there would keep it.
  t.after(async () => {
    if (running?.exitCode !== null || running.signalCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
  });
  const directory = await scratch(t);
  const files = fileObjects(directory);
  const logs: { branches: readonly [GrownLog, GrownLog]; given: readonly [Set<number>, Set<number>] }[] = [];
  let cosigned = 0;
  for (let kill = 0; kill <= KILLS; kill++) {
    for (let i = 0; i < LOGS_PER_KILL && kill < KILLS; i++) {
      const origin = `log.example/${kill}-${i}`;
      // No entry in common, so that one cosignature of each would be a fork.
      const branches = [growLog({ origin }), growLog({ origin, fork: 0 })] as const;
      await trustLog(files, branches[0].signer.vkey);
      logs.push({ branches, given: [new Set(), new Set()] });
    }
    const { child, url } = await start(directory);
    running = child;
    const ended = once(child, 'exit');
    // The logs of this round and of the one before, which the last kill interrupted; at the end all of them.
    const driven = logs.slice(kill === KILLS ? 0 : -2 * LOGS_PER_KILL);
    const clients = driven.flatMap(({ branches, given }) => [
      drive(url, branches[0], given[0]),
      drive(url, branches[1], given[1]),
    ]);
    if (kill < KILLS) setTimeout(() => child.kill('SIGKILL'), 2 + kill * 4);
    await Promise.all(clients);
    child.kill('SIGKILL');
    await ended;
  }
  for (const { branches, given } of logs) {
    const [a, b] = given;
    assert.ok(a.size === 0 || b.size === 0, `${branches[0].signer.name}: both branches were cosigned`);
    // The last start went through all sizes of the branch that won.
    assert.ok(a.has(SIZES) || b.has(SIZES), `${branches[0].signer.name}: stuck`);
    cosigned += a.size + b.size;
  }
  assert.ok(cosigned > logs.length * 2, `only ${cosigned} cosignatures`);
});
