/** The live tail under its largest load: subscribers in a process of their own, the recorder and its server in another. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { median, quantile, table } from './stats.ts';
import { scratch } from './support.ts';
import type { Recorded } from './tail/server.ts';
import type { Watched } from './tail/subscribers.ts';

const RATE = 500;
const SECONDS = 10;
const ROUNDS = 3;

function start(file: string, args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(`./tail/${file}`, import.meta.url)), args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

async function message<T>(child: ChildProcess): Promise<T> {
  const [told] = (await once(child, 'message')) as [T];
  return told;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

interface Round {
  readonly recorded: Recorded;
  readonly watched: Watched | undefined;
}

/** Each with a server of its own. */
async function round(subscribers: number): Promise<Round> {
  const { directory, remove } = await scratch();
  const server = start('server.ts', [directory]);
  const { tail } = await message<{ tail: string }>(server);
  const watchers = subscribers === 0 ? undefined : start('subscribers.ts', [tail, String(subscribers)]);
  try {
    if (watchers !== undefined) await message(watchers);
    server.send({ rate: RATE, seconds: SECONDS });
    const recorded = await message<Recorded>(server);
    watchers?.send(recorded);
    return { recorded, watched: watchers === undefined ? undefined : await message<Watched>(watchers) };
  } finally {
    if (watchers !== undefined) await stop(watchers);
    await stop(server);
    await remove();
  }
}

export async function run(): Promise<string> {
  const rows: string[][] = [];
  for (const subscribers of [0, 100, 1_000]) {
    const rounds: Round[] = [];
    for (let i = 0; i < (subscribers === 1_000 ? ROUNDS : 1); i++) rounds.push(await round(subscribers));
    const of = (pick: (round: Round) => number): number => median(rounds.map(pick));
    const worst = (pick: (round: Round) => number): number => quantile(rounds.map(pick), 1);
    const goal = subscribers === 1_000 ? '< 0.5 core, none wrong, lag p99 < 200 ms' : '';
    rows.push([
      subscribers.toLocaleString('en'),
      `${of(({ recorded }) => recorded.user + recorded.system).toFixed(2)} core`,
      `${of(({ recorded }) => recorded.user).toFixed(2)} + ${of(({ recorded }) => recorded.system).toFixed(2)}`,
      subscribers === 0 ? '' : `${of(({ watched }) => watched?.p50 ?? Number.NaN)} ms`,
      subscribers === 0 ? '' : `${of(({ watched }) => watched?.p99 ?? Number.NaN)} ms`,
      subscribers === 0 ? '' : `${worst(({ watched }) => watched?.most ?? Number.NaN).toFixed(0)} ms`,
      subscribers === 0 ? '' : String(worst(({ watched }) => watched?.wrong ?? Number.NaN)),
      subscribers === 0 ? '' : String(worst(({ watched }) => watched?.lags ?? Number.NaN)),
      `${of(({ recorded }) => recorded.appendP99).toFixed(1)} ms`,
      goal,
    ]);
  }
  return `## tail

${RATE} entries a second for ${SECONDS} s, written by the recorder and sent to every subscriber over a connection of its own, in full.
CPU is that of the recorder's process, appends included; lag is from before the entry is handed to the recorder until the
subscriber's program has it. "Wrong" counts what a subscriber missed, got twice or out of order; "fell behind" how often one did
not keep up and was served from the log instead.

${table(['subscribers', 'CPU', 'own + kernel', 'lag p50', 'lag p99', 'most', 'wrong', 'fell behind', 'append p99', 'goal'], rows)}`;
}
