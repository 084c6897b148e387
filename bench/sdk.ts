/**
 * What a guarded action costs beside what it does: decided, on disk before it begins and after it ended; with the recorder
 * in the same process and in another one; against a peer's governed execution, which keeps its audit trail in memory.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AgentMeshClient } from '@microsoft/agent-governance-sdk';
import { createTally, type Run } from '../src/sdk.ts';
import { inTurn, median, quantile, rate, table } from './stats.ts';
import { scratch } from './support.ts';

const ROUNDS = 5;
const CALLS = 200;
const AT_ONCE = [16, 64] as const;

const ARGS = { order: 'o_0123456789', amount: 1250, currency: 'eur', note: 'as agreed by phone in May' };

/** Microseconds of each call, one after the other. */
async function timed(call: () => Promise<unknown>): Promise<readonly number[]> {
  const micros: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    const started = performance.now();
    await call();
    micros.push((performance.now() - started) * 1000);
  }
  return micros;
}

/** Processor time of one of them, in microseconds: of the SDK, the recorder and everything behind it in this process. */
const cpu: number[] = [];

/** Microseconds for each of many that are under way together. */
async function together(call: () => Promise<unknown>, atOnce: number): Promise<readonly number[]> {
  const each = CALLS / 4;
  const before = process.cpuUsage();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let i = 0; i < each; i++) await call();
    }),
  );
  const took = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  if (atOnce === AT_ONCE[1]) cpu.push((user + system) / (atOnce * each));
  return [(took * 1000) / (atOnce * each)];
}

/** A run that stays open; `end` ends it. */
async function openRun(home: string, transport: 'embedded' | 'socket') {
  const tally = createTally({ agent: 'bench', home, transport, handleExit: false });
  let end: () => void = () => undefined;
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  let running: Promise<void> = Promise.resolve();
  const run = await new Promise<Run>((resolve, reject) => {
    running = tally.run(async (opened) => {
      resolve(opened);
      await over;
    });
    running.catch(reject);
  });
  return {
    run,
    async close() {
      end();
      await running;
      await tally.close();
    },
  };
}

async function openRemote(home: string) {
  const script = fileURLToPath(new URL('sdk-recorder.ts', import.meta.url));
  const recorder = spawn(process.execPath, [script], {
    env: { ...process.env, TALLY_HOME: home },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(recorder.stdout, 'data');
  const opened = await openRun(home, 'socket');
  return {
    run: opened.run,
    async close() {
      await opened.close();
      recorder.stdin.end();
      await once(recorder, 'exit');
    },
  };
}

/** What two entries cannot cost less than: one write and one flush each. */
async function openFloor(path: string) {
  const file = await open(path, 'a');
  const line = Buffer.alloc(1_200, 'x');
  return {
    async twice() {
      for (let i = 0; i < 2; i++) {
        await file.write(line);
        await file.datasync();
      }
    },
    close: () => file.close(),
  };
}

export async function run(): Promise<string> {
  const { directory, remove } = await scratch();
  try {
    const homes = ['embedded', 'remote'].map((name) => join(directory, name));
    for (const home of homes) mkdirSync(home, { mode: 0o700 });
    const embedded = await openRun(homes[0] ?? '', 'embedded');
    const remote = await openRemote(homes[1] ?? '');
    const floor = await openFloor(join(directory, 'floor'));
    const peer = AgentMeshClient.create('bench', {
      policyRules: [{ action: 'refund.create', effect: 'allow' }],
      capabilities: ['refund.create'],
    } as never);
    const allowed = await peer.executeWithGovernance('refund.create', ARGS);
    if (allowed.decision !== 'allow') throw new Error(`the peer says ${allowed.decision}`);
    const act =
      ({ run: opened }: { readonly run: Run }) =>
      () =>
        opened.act({ name: 'refund.create', args: ARGS, payloads: false }, () => 1);
    const kept =
      ({ run: opened }: { readonly run: Run }) =>
      () =>
        opened.act({ name: 'refund.create', args: ARGS }, () => ({ ok: true, receipt: 'rc_1' }));
    const cases = {
      '`run.act`, embedded': () => timed(act(embedded)),
      '`run.act`, recorder in another process': () => timed(act(remote)),
      '`run.act`, embedded, arguments and result kept': () => timed(kept(embedded)),
      ...Object.fromEntries(
        AT_ONCE.map((n) => [`\`run.act\`, embedded, ${n} at once`, () => together(act(embedded), n)]),
      ),
      'two writes and flushes of 1.2 kB, nothing else': () => timed(floor.twice),
      'agent-governance-sdk `executeWithGovernance`, in memory': () =>
        timed(() => peer.executeWithGovernance('refund.create', ARGS)),
    };
    const results = await inTurn(cases, ROUNDS);
    await embedded.close();
    await remote.close();
    await floor.close();
    const at = (name: string, q: number): number =>
      median((results[name] ?? []).map((micros) => quantile(micros, q)));
    const us = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} µs`;
    const rows = Object.keys(cases).map((name) => {
      const each = at(name, 0.5);
      return [name, us(each), name.includes('at once') ? '' : us(at(name, 0.99)), rate(1e6 / each)];
    });
    return `## sdk

One guarded action that does nothing: decided through all layers, its pre_exec durable before it begins and its post_exec
before its result is given, ${CALLS} one after the other in each of ${ROUNDS} rounds. Ours is durable: a crash at any moment leaves both
entries, or says which is missing. The peer evaluates one rule and appends to an array: its trail is gone with its process.
What is between the first row and the two writes is the SDK's and the recorder's own; with ${AT_ONCE[1]} at once, where many share
a flush, that is ${us(median(cpu))} of processor time an action.

${table(['', 'p50', 'p99', ''], rows)}`;
  } finally {
    await remove();
  }
}
