/**
 * What comes after a fault, in a fresh process without it: `tally verify`, another start that appends, and `tally verify`
 * again. Says on stdout what came of each.
 *
 *   TALLY_HOME=STATE node test/fault/judge.ts [PUBLISH_INTO]
 */
import { main } from '../../src/cli/main.ts';
import { isTallyError } from '../../src/core/error.ts';
import { openSession } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';
import { SEGMENT_ENTRIES } from './scripts.ts';

const APPENDS = 5;
const say = (line: string): void => {
  process.stdout.write(`\n@${line}\n`);
};

async function tally(...args: readonly string[]): Promise<number> {
  process.exitCode = 0;
  await main(['', '', ...args]);
  const code = Number(process.exitCode);
  process.exitCode = 0;
  return code;
}

async function startAndAppend(): Promise<void> {
  const state = process.env.TALLY_HOME ?? '';
  const session = await openSession({
    paths: locate({ env: process.env, home: state, tmp: state, uid: process.getuid?.() ?? 0 }),
    client: { surface: 'sdk' },
    onWarning: (line) => say(`warning ${line}`),
    require: 'writer',
    segmentEntries: SEGMENT_ENTRIES,
  });
  try {
    for (let i = 0; i < APPENDS; i++) {
      const { index, id } = await session.ask('record', {
        event: { type: 'step.note', phase: 'point', metadata: { again: i } },
      });
      say(`acknowledged ${index} ${id}`);
    }
    await session.recorder?.sealed();
  } finally {
    await session.close('end of the check');
  }
}

const [, , publishInto] = process.argv;
say(`before ${await tally('verify', '--json')}`);
try {
  await startAndAppend();
  say('started');
} catch (error) {
  if (!isTallyError(error)) throw error;
  say(`refused ${JSON.stringify({ code: error.code, message: error.message, hint: error.hint })}`);
}
say(`after ${await tally('verify', '--json')}`);
if (publishInto !== undefined) say(`published ${await tally('log', 'publish', publishInto)}`);
