/**
 * Agents that use the SDK, killed at any time: with the recorder in their own process, and with one that lives on. No tool
 * ran without its pre_exec, which the tool's own file tells; every run, and every action, ended or is reported open.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { judgeCompleteness } from '../../src/core/query/completeness.ts';
import { openSession } from '../../src/open.ts';
import { type Home, makeHome } from '../support/home.ts';
import { entriesIn, problemsOf } from './check.ts';

const AGENT = fileURLToPath(new URL('sdk-agent.ts', import.meta.url));

export interface SdkKillTotals {
  readonly ran: number;
  readonly runs: number;
  readonly ended: number;
  readonly open: number;
}

/** The agent's end: `SIGKILL`, or now and then a signal that it can hear, or its own `process.exit`. */
async function oneAgent(
  home: Home,
  counter: string,
  transport: string,
  waitMs: number,
  signal: NodeJS.Signals | 'exit',
  /** Killed while it starts, if it has not begun by then. */
  patienceMs: number,
): Promise<void> {
  const child = spawn(process.execPath, [AGENT], {
    env: {
      ...home.env,
      COUNTER: counter,
      TALLY_TRANSPORT: transport,
      ...(signal === 'exit' ? { EXIT_MS: String(waitMs) } : {}),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) =>
    child.on('exit', (code, by) => resolve(by ?? code)),
  );
  if (signal === 'exit') {
    assert.equal(await ended, 7, said);
    return;
  }
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended, wait(patienceMs)]);
  await wait(waitMs);
  child.kill(signal);
  assert.equal(await ended, signal, said);
}

const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    // The agent's own process keeps this one alive.
    setTimeout(resolve, ms).unref();
  });

export async function killAgents(options: {
  readonly kills: number;
  readonly waitMs: (kill: number) => number;
}): Promise<SdkKillTotals> {
  const { kills, waitMs } = options;
  const home = await makeHome();
  try {
    const counter = join(home.directory, 'counter');
    const half = Math.ceil(kills / 2);
    const signalOf = (kill: number): NodeJS.Signals | 'exit' =>
      kill % 4 === 3 ? 'SIGTERM' : kill % 4 === 1 ? 'exit' : 'SIGKILL';
    const patienceOf = (kill: number): number => (kill % 5 === 2 ? 10 * waitMs(kill) : 20_000);
    for (let kill = 0; kill < half; kill++)
      await oneAgent(home, counter, 'embedded', waitMs(kill), signalOf(kill), patienceOf(kill));
    const session = await openSession({
      paths: home.paths,
      client: { surface: 'cli' },
      onWarning: () => undefined,
      require: 'writer',
    });
    for (let kill = half; kill < kills; kill++)
      await oneAgent(home, counter, 'socket', waitMs(kill), signalOf(kill), patienceOf(kill));
    await session.close();
    const exited = Array.from({ length: kills }, (_, kill) => signalOf(kill)).filter((how) => how === 'exit');
    return judge(home, counter, exited.length);
  } finally {
    await home.remove();
  }
}

function judge(home: Home, counter: string, exited: number): SdkKillTotals {
  const { state } = home.paths;
  assert.deepEqual(problemsOf(state, [], { whole: true }), []);
  const entries = entriesIn(state) as readonly (ReturnType<typeof entriesIn>[number] & {
    readonly type: string;
    readonly run_id?: string;
    readonly outcome?: { readonly error_kind?: string };
    readonly source: { readonly assurance: string };
  })[];
  const begun = new Set(
    entries.filter(({ type, phase }) => type === 'tool.call' && phase === 'pre_exec').map(({ id }) => id),
  );
  const ran = existsSync(counter) ? readFileSync(counter, 'utf8').trimEnd().split('\n') : [];
  assert.equal(new Set(ran).size, ran.length, 'no decision let two actions through');
  assert.deepEqual(
    ran.filter((id) => !begun.has(id)),
    [],
    'no tool ran without its pre_exec',
  );

  const completeness = judgeCompleteness();
  for (const entry of entries) completeness.see(entry as never);
  const found = completeness.finish(false);
  // Nobody had to be asked how those ended that could say it.
  const exits = entries.filter(
    ({ type, outcome }) => type === 'run.end' && outcome?.error_kind === 'process_exit',
  );
  assert.equal(exits.length, exited);
  const ended = new Set(entries.filter(({ type }) => type === 'run.end').map(({ run_id }) => run_id));
  const runs = entries.filter(({ type }) => type === 'run.start').map(({ run_id }) => run_id ?? '');
  const open = runs.filter((run) => !ended.has(run));
  assert.deepEqual(
    [...found.runs_without_end].sort(),
    [...open].sort(),
    'a run that did not end is reported',
  );
  const posts = new Set(
    entries.filter(({ phase }) => phase === 'post_exec').map(({ parent_id }) => parent_id),
  );
  assert.deepEqual(
    found.without_end.map(({ id }) => id),
    [...begun].filter((id) => !posts.has(id)),
    'an action that did not end is reported',
  );
  return { ran: ran.length, runs: runs.length, ended: runs.length - open.length, open: open.length };
}
