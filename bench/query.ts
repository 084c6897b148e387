/**
 * Asking a large log: how fast it is indexed, how large the index is, and how long answers take, with random keys and
 * random windows of the past in one run. `npm run bench -- query --entries 10000000` writes docs/query.md.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LogFilter } from '../src/core/query/filter.ts';
import { openQuery } from '../src/open/query.ts';
import { locate } from '../src/paths.ts';
import {
  AGENTS,
  agentName,
  DAYS,
  END_MS,
  hostName,
  RUN_ENTRIES,
  runName,
  word,
  writeQueryLog,
} from './query-log.ts';
import { quantile, rate, table } from './stats.ts';
import { scratch } from './support.ts';

const ENTRIES = 200_000;
const ROUNDS = 400;
const SLOW_ROUNDS = 25;
const DAY_MS = 86_400_000;
const grouped = (count: number): string => count.toLocaleString('en');
const below = (n: number): number => Math.floor(Math.random() * n);
const iso = (ms: number): string => new Date(ms).toISOString();

export interface Indexed {
  readonly seconds: number;
  readonly earlyRssMiB: number;
  readonly rssMiB: number;
}

/** A random stretch of the past: from ten minutes to ten days. */
function pastWindow(): Pick<LogFilter, 'since' | 'until'> {
  const length = 600_000 * (10 * 144) ** Math.random();
  const since = END_MS - DAYS * DAY_MS + Math.random() * (DAYS * DAY_MS - length);
  return { since: iso(since), until: iso(since + length) };
}

function week(): Pick<LogFilter, 'since' | 'until'> {
  const since = END_MS - 7 * DAY_MS - Math.random() * (DAYS - 8) * DAY_MS;
  return { since: iso(since), until: iso(since + 7 * DAY_MS) };
}

const PARTS: readonly (() => LogFilter)[] = [
  () => ({ agent: agentName(below(AGENTS)) }),
  () => ({ host: hostName(below(60)) }),
  () => ({ status: [200, 404, 429, 500][below(4)] ?? 200 }),
  () => ({ user: `user-${below(50)}` }),
  () => ({ failed: true }),
  () => ({ types: [['http.call', 'tool.call', 'secret'][below(3)] ?? 'http'] }),
  () => ({ credential: `cred-${below(12)}` }),
  () => ({ method: ['GET', 'POST'][below(2)] ?? 'GET' }),
];

/** One to three conditions. */
function someFilter(): LogFilter {
  return Object.assign({}, ...Array.from({ length: 1 + below(3) }, () => PARTS[below(PARTS.length)]?.()));
}

interface Kind {
  readonly name: string;
  readonly goal: string;
  readonly rounds: number;
  run(): Promise<unknown>;
}

/** Runs every kind in turn, so that a drifting machine moves all. */
async function measure(kinds: readonly Kind[]): Promise<string[][]> {
  const times = kinds.map((): number[] => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [i, kind] of kinds.entries()) {
      if (round >= kind.rounds) continue;
      const started = performance.now();
      await kind.run();
      if (round >= 0) times[i]?.push(performance.now() - started);
    }
  }
  return kinds.map(({ name, goal }, i) => {
    const all = times[i] ?? [];
    const ms = (q: number): string => `${quantile(all, q).toFixed(2)} ms`;
    return [name, ms(0.5), ms(0.99), goal];
  });
}

export async function run(entries = ENTRIES): Promise<string> {
  const { directory, remove } = await scratch();
  try {
    const log = writeQueryLog(join(directory, 'logs', 'local'), entries);
    const logBytes = bytesOf(log, entries);
    const program = fileURLToPath(new URL('./query-once.ts', import.meta.url));
    const { stdout, status } = spawnSync(process.execPath, [program, directory], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) throw new Error('indexing failed');
    const indexed = JSON.parse(stdout) as Indexed;
    const bytes = statSync(join(directory, 'index.sqlite')).size;
    const paths = locate({ env: { TALLY_HOME: directory }, home: directory, tmp: directory, uid: 0 });
    const open = () => openQuery(paths, { onWarning: (text) => process.stderr.write(`${text}\n`) });
    const { query, entries: read, close } = await open();

    async function list(filter: LogFilter, withEntries = true): Promise<void> {
      const found: number[] = [];
      for await (const row of query.rows(filter, { limit: 20 })) found.push(row.index);
      if (withEntries) for await (const _entry of read(found));
    }
    const runs = Math.floor(entries / RUN_ENTRIES);
    const rows = await measure([
      {
        name: 'last 20 of an agent',
        goal: 'p99 < 5 ms',
        rounds: ROUNDS,
        run: () => list({ agent: agentName(below(AGENTS)) }),
      },
      {
        name: 'last 20 of a run',
        goal: 'p99 < 5 ms',
        rounds: ROUNDS,
        run: () => list({ run: runName(below(runs)) }),
      },
      {
        name: '1–3 conditions in a past window, last 20',
        goal: 'p99 < 5 ms',
        rounds: ROUNDS,
        run: () => list({ ...someFilter(), ...pastWindow() }),
      },
      {
        name: 'the same, rows alone',
        goal: '',
        rounds: ROUNDS,
        run: () => list({ ...someFilter(), ...pastWindow() }, false),
      },
      {
        name: 'a step that is nowhere',
        goal: '',
        rounds: SLOW_ROUNDS,
        run: () => list({ step: `none-${below(1e9)}` }),
      },
      {
        name: 'two words, last 20',
        goal: 'p99 < 300 ms',
        rounds: ROUNDS,
        run: () => list({ text: `${word(below(5000))} ${word(below(50))}` }),
      },
      {
        name: 'rows with a word, counted',
        goal: 'p99 < 300 ms',
        rounds: SLOW_ROUNDS,
        run: () => query.count({ text: word(below(5000)) }),
      },
      {
        name: 'summary of 7 days, 3 dimensions',
        goal: '< 100 ms',
        rounds: SLOW_ROUNDS,
        run: () => query.summary(week(), ['agent', 'host', 'status'], 10),
      },
      {
        name: 'the same of one agent',
        goal: '',
        rounds: SLOW_ROUNDS,
        run: () =>
          query.summary({ ...week(), agent: agentName(below(AGENTS)) }, ['agent', 'host', 'status'], 10),
      },
      {
        name: 'summary of everything, 3 dimensions',
        goal: '',
        rounds: SLOW_ROUNDS,
        run: () => query.summary({}, ['agent', 'host', 'status'], 10),
      },
    ]);
    await close();
    const opening = await measure([
      {
        name: 'opening, nothing new',
        goal: '',
        rounds: SLOW_ROUNDS,
        run: async () => (await open()).close(),
      },
    ]);
    return `## query

${grouped(entries)} entries of ${Math.round(logBytes / entries)} bytes over ${DAYS} days, two thirds of them halves of calls. Indexed from nothing at ${rate(entries / indexed.seconds)} (goal: 30k/s) in one thread; the index takes ${(bytes / entries).toFixed(0)} bytes an entry. Memory while indexing: ${Math.round(indexed.earlyRssMiB)} MiB after a tenth, ${Math.round(indexed.rssMiB)} MiB at the end. Keys and windows are drawn at random for each question; the entries themselves are read where it says nothing else.

${table(['', 'p50', 'p99', 'goal'], [...rows, ...opening])}`;
  } finally {
    await remove();
  }
}

function bytesOf(log: string, entries: number): number {
  let bytes = 0;
  for (let first = 0; first < entries; first += 65_536)
    bytes += statSync(join(log, 'entries', `${String(first).padStart(12, '0')}.jsonl`)).size;
  return bytes;
}
