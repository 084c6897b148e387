/** What a person waits for before anything happens: the program itself, and the opening of a log. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fill, largeLog } from './large.ts';
import { median, table } from './stats.ts';
import { scratch } from './support.ts';

const ENTRIES = 200_000;
const TIMES = 11;

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

function timed(args: readonly string[]): { readonly ms: number; readonly stdout: string } {
  const started = performance.now();
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${args.join(' ')} failed`);
  return { ms: performance.now() - started, stdout };
}

const times = (one: () => number): number => median(Array.from({ length: TIMES }, one));

export async function run(): Promise<string> {
  const { directory, remove } = await scratch();
  try {
    const { open } = await largeLog(directory);
    const recorder = await open();
    await fill(recorder, ENTRIES);
    await recorder.sealed();
    await recorder.close('recorded');
    const rows = [
      [
        '`tally --version`',
        `${times(() => timed([file('../bin/tally.js'), '--version']).ms).toFixed(0)} ms`,
        '< 80 ms',
      ],
      ['node, an empty program', `${times(() => timed(['-e', '0']).ms).toFixed(0)} ms`, ''],
      [
        `opening a log of ${ENTRIES.toLocaleString('en')} entries`,
        `${times(() => Number(timed([file('./open-once.ts'), directory]).stdout)).toFixed(0)} ms`,
        '< 300 ms (at 10 million: scale.md)',
      ],
    ];
    return `## start

${table(['', 'median', 'goal'], rows)}`;
  } finally {
    await remove();
  }
}
