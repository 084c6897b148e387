/** Full verification of a log on disk on one core, against the one-shot SHA-256 rate of OpenSSL for that entry size. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { TILE_WIDTH, tilePath } from '../src/core/tlog/tile.ts';
import { verifyLog } from '../src/core/tlog/verify.ts';
import { fileReader } from '../src/store/file/reader.ts';
import { inTurn, median, rate, table } from './stats.ts';
import { openBenchRecorder, ordinaryEvent, scratch } from './support.ts';

const ENTRIES = 300_000;
const AT_ONCE = 5_000;
const ROUNDS = 3;

async function writeLog(directory: string): Promise<void> {
  const recorder = await openBenchRecorder(directory);
  const event = ordinaryEvent();
  for (let done = 0; done < ENTRIES; done += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, () =>
        recorder.record(event, { surface: 'sdk', assurance: 'observed' }),
      ),
    );
  }
  await recorder.close('bench');
}

async function verifyOnce(
  directory: string,
): Promise<{ readonly entries: number; readonly bytes: number; readonly seconds: number }> {
  const reader = fileReader(join(directory, 'logs', 'local'));
  const started = performance.now();
  const report = await verifyLog({
    origin: 'bench.example/local',
    vkeys: [],
    checkpoint: () => reader.objects.get('checkpoint'),
    tile: (level, index) => reader.objects.get(tilePath({ level, index, width: TILE_WIDTH })),
    async *blocks() {
      for (const { first } of await reader.segments()) yield* reader.read(first);
    },
  });
  return { entries: report.entries, bytes: report.bytes, seconds: (performance.now() - started) / 1000 };
}

/** One-shot hashes a second that OpenSSL reaches for messages of this size. */
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

export async function run(): Promise<string> {
  const { directory, remove } = await scratch();
  await writeLog(directory);
  const first = await verifyOnce(directory);
  const size = Math.round(first.bytes / first.entries);
  const runs = await inTurn<number>(
    {
      verify: async () => {
        const { entries, seconds } = await verifyOnce(directory);
        return entries / seconds;
      },
      openssl: async () => opensslRate(size),
    },
    ROUNDS,
  );
  await remove();
  const ours = median(runs.verify ?? []);
  const theirs = median(runs.openssl ?? []);
  return `## verify

${ENTRIES} entries of ${size} bytes: bytes, index, chain, tiles, tree and root, one core. Peak memory of this process: ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB.

${table(
  ['', 'entries/s', 'of OpenSSL', 'goal'],
  [
    ['**verify**', rate(ours), `${((100 * ours) / theirs).toFixed(0)} %`, '≥ 70 %'],
    [`openssl speed, SHA-256 of ${size} bytes`, rate(theirs), '', ''],
  ],
)}`;
}
