/**
 * Full verification of a log on disk, with one worker and with two, against the one-shot SHA-256 rate of OpenSSL for that
 * entry size; and its memory for a log and one ten times as long.
 *
 *     node bench/verify.ts [ENTRIES [MORE]]
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inTurn, median, rate, ratio, table } from './stats.ts';
import { scratch } from './support.ts';
import { writeSyntheticLog } from './synthetic.ts';
import type { Once } from './verify-once.ts';

const ENTRIES = 300_000;
const MORE = 3_000_000;
const ROUNDS = 3;

function verifyOnce(directory: string, way: number | 'in-order'): Once {
  const program = fileURLToPath(new URL('./verify-once.ts', import.meta.url));
  const { stdout, status } = spawnSync(process.execPath, [program, directory, String(way)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`the verification of ${directory} failed`);
  return JSON.parse(stdout) as Once;
}

/** Hashes of messages of this size that OpenSSL makes in one second of processor time. */
function opensslRate(bytes: number): number {
  const { stdout } = spawnSync(
    'openssl',
    ['speed', '-mr', '-seconds', '2', '-bytes', String(bytes), '-evp', 'sha256'],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const perSecond = Number(stdout.trim().split('\n').at(-1)?.split(':').at(-1)) / bytes;
  if (!(perSecond > 0)) throw new Error('`openssl speed` gave no figure; is openssl installed?');
  return perSecond;
}

export async function run(entries = ENTRIES, more = MORE): Promise<string> {
  const { directory, remove } = await scratch();
  try {
    const short = writeSyntheticLog(join(directory, 'short'), entries);
    const long = writeSyntheticLog(join(directory, 'long'), more);
    const small = [verifyOnce(short, 1), verifyOnce(short, 2)] as const;
    const size = Math.round(small[0].bytes / small[0].entries);
    const runs = await inTurn<Once | number>(
      {
        one: async () => verifyOnce(long, 1),
        two: async () => verifyOnce(long, 2),
        inOrder: async () => verifyOnce(long, 'in-order'),
        openssl: async () => opensslRate(size),
      },
      ROUNDS,
    );
    return section({
      one: runs.one as Once[],
      two: runs.two as Once[],
      inOrder: runs.inOrder as Once[],
      openssl: median(runs.openssl as number[]),
      small,
      size,
    });
  } finally {
    await remove();
  }
}

interface Figures {
  readonly one: readonly Once[];
  readonly two: readonly Once[];
  readonly inOrder: readonly Once[];
  readonly openssl: number;
  readonly small: readonly [one: Once, two: Once];
  readonly size: number;
}

function section({ one, two, inOrder, openssl, small, size }: Figures): string {
  const seconds = (runs: readonly Once[]): number[] => runs.map((run) => run.seconds);
  const mib = (runs: readonly Once[]): string =>
    `${Math.round(median(runs.map(({ rssMiB }) => rssMiB)))} MiB`;
  const row = (name: string, runs: readonly Once[], first: Once | undefined, goal: string): string[] => {
    const perEntry = median(runs.map(({ cpuSeconds, entries }) => cpuSeconds / entries));
    return [
      name,
      rate(median(runs.map(({ entries, seconds }) => entries / seconds))),
      `${ratio(seconds(one), seconds(runs)).toFixed(2)} ×`,
      `${(perEntry * 1e6).toFixed(2)} µs`,
      `${(100 / (perEntry * openssl)).toFixed(0)} %`,
      first === undefined ? '' : mib([first]),
      mib(runs),
      goal,
    ];
  };
  const [short, long] = [small[0].entries, one[0]?.entries ?? 0].map((entries) =>
    entries.toLocaleString('en'),
  );
  return `## verify

${long} entries of ${size} bytes: bytes, index, chain, tiles, tree and root. Processor time is that of all threads; \`openssl speed\` makes ${rate(openssl)} hashes of that size in a second of it.

${table(
  [
    '',
    'entries/s',
    'of one worker',
    'CPU an entry',
    'of OpenSSL, a core',
    `memory, ${short}`,
    `memory, ${long}`,
    'goal',
  ],
  [
    row('**1 worker**', one, small[0], '≥ 70 % of OpenSSL'),
    row('**2 workers**', two, small[1], '≥ 1.5 ×, memory flat'),
    row('in order, as after the first thing that is wrong', inOrder, undefined, ''),
  ],
)}`;
}

if (import.meta.main) {
  const [entries, more] = process.argv.slice(2).map(Number);
  process.stdout.write(`${await run(entries, more)}\n`);
}
