/** Programs that are gone without a word, over a real socket and with real processes. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectHandover } from '../../src/capture/handover.ts';
import { judgeCompleteness } from '../../src/core/query/completeness.ts';
import type { Client } from '../../src/recorder/ops.ts';
import { serveHandover } from '../../src/server/handover.ts';
import { until } from '../sdk/stage.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { serviceOf } from '../support/serve.ts';

const HOST = 'here';
const OPEN_POLICY = 'version: "1"\nidentity: { anonymous: allow, declared: allow }\nallowlist: []\n';

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function recording(t: TestContext, box: Machine, graceMs: number) {
  const recorder = await box.open({ policy: OPEN_POLICY, orphanGraceMs: 60_000 });
  const { handle } = serviceOf(recorder, { graceMs, processes: { host: HOST, isAlive } });
  const directory = mkdtempSync(join(tmpdir(), 'tally-gone-'));
  const path = join(directory, 's');
  const server = await serveHandover({ path, handle, onError: (error) => assert.fail(String(error)) });
  t.after(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
    await recorder.close('the end of the test').catch(() => undefined);
  });
  return {
    recorder,
    server,
    async connect(pid: number, more: Partial<Client> = {}) {
      const link = await connectHandover(path, { surface: 'sdk', user: 'ada', pid, host: HOST, ...more });
      assert.ok(link !== undefined);
      return link;
    },
  };
}

/** A process that does nothing, and dies when it is told to. */
async function program(t: TestContext): Promise<{ readonly pid: number; die(): Promise<void> }> {
  const child: ChildProcess = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], {
    stdio: 'ignore',
  });
  await once(child, 'spawn');
  const gone = once(child, 'exit');
  t.after(() => child.kill('SIGKILL'));
  return {
    pid: child.pid ?? 0,
    async die() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

const endsOf = (box: Machine) =>
  entriesOf(box.disk)
    .filter(({ type }) => type === 'run.end')
    .map(({ run_id, outcome, metadata, source }) => ({ run_id, outcome, metadata, source }));

function openRuns(box: Machine): readonly string[] {
  const judge = judgeCompleteness();
  for (const entry of entriesOf(box.disk)) judge.see(entry as never);
  return [...judge.finish(false).runs_without_end];
}

const pay = (run_token: string) => ({
  run_token,
  step_id: '1',
  type: 'tool.call' as const,
  action: { name: 'pay', tool: { name: 'pay' } },
});

test('a run whose program is gone ends, and what was open in it; with the time that this was seen', async (t) => {
  const box = await machine();
  const { connect } = await recording(t, box, 20);
  const { pid, die } = await program(t);
  const link = await connect(pid);
  const run = await link.ask('run.start', { agent_id: 'bot' });
  const inner = await link.ask('run.start', { agent_id: 'sub', run_token: run.token });
  const { id } = await link.ask('act.begin', pay(run.token));
  box.clock.ms += 5_000;
  await die();
  link.close();
  await until(() => endsOf(box).length === 2);
  const action = entriesOf(box.disk).find(
    ({ phase, parent_id }) => phase === 'post_exec' && parent_id === id,
  );
  assert.deepEqual([action?.outcome?.status, action?.outcome?.error_kind], ['unknown', 'program_gone']);
  const [first, second] = endsOf(box);
  assert.deepEqual([first?.run_id, second?.run_id], [inner.run_id, run.run_id], 'the inner one first');
  assert.equal(second?.outcome?.status, 'aborted');
  assert.equal(second?.outcome?.error_kind, 'program_gone');
  assert.ok((second?.outcome?.duration_ms ?? 0) >= 5_000);
  assert.match(String(second?.metadata?.gone_at), /^\d{4}-/);
  assert.equal(second?.source.assurance, 'observed');
  assert.deepEqual(openRuns(box), []);
});

test('a program that lost its connection alone keeps its run, and so does one that comes back', async (t) => {
  const box = await machine();
  const { connect } = await recording(t, box, 10);
  const { pid } = await program(t);
  const first = await connect(pid);
  const run = await first.ask('run.start', {});
  first.close();
  await first.closed;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(endsOf(box), [], 'its process lives');
  const again = await connect(pid);
  const { id } = await again.ask('act.begin', pay(run.token));
  await again.ask('act.end', {
    run_token: run.token,
    id,
    end_id: `log_${'0'.repeat(26)}`,
    outcome: { status: 'ok' },
  });
  await again.ask('run.end', { run_id: run.run_id, run_token: run.token, outcome: { status: 'ok' } });
  assert.deepEqual(
    endsOf(box).map(({ outcome }) => outcome?.status),
    ['ok'],
  );
});

test('another program that has the token of a run does not end it by being gone', async (t) => {
  const box = await machine();
  const { connect } = await recording(t, box, 10);
  const [owner, helper] = [await program(t), await program(t)];
  const held = await connect(owner.pid);
  const run = await held.ask('run.start', {});
  const other = await connect(helper.pid);
  await other.ask('act.begin', pay(run.token));
  const own = await other.ask('run.start', { run_token: run.token });
  await helper.die();
  other.close();
  await until(() => endsOf(box).length === 1);
  assert.equal(endsOf(box)[0]?.run_id, own.run_id, 'the run that it began itself');
  assert.deepEqual(openRuns(box), [run.run_id]);
});

test('a command that is run by tally run holds nothing here', async (t) => {
  const box = await machine();
  const { connect } = await recording(t, box, 5);
  const { pid, die } = await program(t);
  const link = await connect(pid, { surface: 'cli' });
  const run = await link.ask('run.start', {});
  await die();
  link.close();
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.deepEqual(openRuns(box), [run.run_id]);
});

test('the next recorder ends the run of a program that was gone with the last one, and says no time for it', async (t) => {
  const box = await machine();
  const { pid, die } = await program(t);
  const alive = await program(t);
  const before = await recording(t, box, 60_000);
  const gone = await (await before.connect(pid)).ask('run.start', {});
  const lives = await (await before.connect(alive.pid)).ask('run.start', {});
  const elsewhere = await (await before.connect(pid, { host: 'there' })).ask('run.start', {});
  await before.server.close();
  await before.recorder.close('the recorder ends');
  await die();
  box.clock.ms += 3_600_000;
  await recording(t, box, 60_000);
  await until(() => endsOf(box).length === 1);
  const [end] = endsOf(box);
  assert.equal(end?.run_id, gone.run_id);
  assert.deepEqual([end?.outcome?.status, end?.outcome?.error_kind], ['unknown', 'program_gone']);
  assert.equal(end?.outcome?.duration_ms, undefined);
  assert.deepEqual(openRuns(box).toSorted(), [lives.run_id, elsewhere.run_id].toSorted());
});

test('an end that still comes wins', async (t) => {
  const box = await machine();
  const { connect } = await recording(t, box, 5);
  const { pid, die } = await program(t);
  const link = await connect(pid);
  const run = await link.ask('run.start', {});
  await die();
  link.close();
  await until(() => endsOf(box).length === 1);
  const late = await connect(pid);
  const told = { run_id: run.run_id, run_token: run.token, outcome: { status: 'ok' as const } };
  await late.ask('run.end', told);
  await late.ask('run.end', told);
  assert.deepEqual(
    endsOf(box).map(({ outcome }) => [outcome?.status, outcome?.late]),
    [
      ['aborted', undefined],
      ['ok', true],
    ],
  );
});

test('a run of the SDK inside of another is of the same agent, unless it names one', async (t) => {
  const box = await machine();
  const { connect } = await recording(t, box, 60_000);
  const outer = await (await connect(process.pid, { surface: 'cli' })).ask('run.start', { agent_id: 'X' });
  const link = await connect(process.pid, { run_token: outer.token });
  await link.ask('run.start', {});
  await link.ask('run.start', { agent_id: 'Y' });
  const starts = entriesOf(box.disk).filter(({ type }) => type === 'run.start');
  assert.deepEqual(
    starts.map(({ actor }) => actor?.agent_id),
    ['X', 'X', 'Y'],
  );
});
