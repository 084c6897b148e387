/**
 * What the fault suite runs under faults: a recorder on files that is opened, appends, seals a segment, rotates its key
 * and is closed. Every acknowledgement goes to stdout as "index id" at once, so that whatever happens next is held
 * against it. Its system calls on files of the log come in the same order in every run.
 *
 *   node test/fault/program.ts STATE make|again [pooled | threaded | SEED]
 */
import crypto from 'node:crypto';
import { writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { isTallyError } from '../../src/core/error.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { openSession, type Session } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';
import { BEGAN, ROTATE_AFTER, SCRIPTS, type Script, SEGMENT_ENTRIES } from './scripts.ts';

/** In turn: how many events wait for the same write. */
const WAVES = [1, 4] as const;
const WAVES_A_CHECKPOINT = 4;
/** The events of such a wave bring payloads: then the pack is written first. */
const WAVES_A_PAYLOAD = 6;
const PAYLOAD = { data: 'what was said', media_type: 'text/plain', class: 'args' };

const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

async function append(session: Session, count: number, withPayload: boolean): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const event = {
        type: 'step.note',
        phase: 'point',
        metadata: { i },
        ...(withPayload ? { payload: PAYLOAD } : {}),
      } as const;
      const { index, id } = await session.ask('record', { event });
      say(`${index} ${id}`);
    }),
  );
}

async function run(state: string, script: Script): Promise<void> {
  const session = await openSession({
    paths: locate({ env: { TALLY_HOME: state }, home: state, tmp: state, uid: process.getuid?.() ?? 0 }),
    client: { surface: 'sdk' },
    onWarning: (line) => process.stderr.write(`warning: ${line}\n`),
    require: 'writer',
    segmentEntries: SEGMENT_ENTRIES,
    payloads: { keep: { '*': 'full' } },
  });
  try {
    await play(session, SCRIPTS[script]);
  } catch (error) {
    // The failure that is already told; a close that fails as well would only repeat it.
    await session.close('the script failed').catch(() => undefined);
    throw error;
  }
  await session.close('end of the script');
  say('done');
}

async function play(session: Session, total: number): Promise<void> {
  // What the start wrote is signed at once, and not by a timer in the middle of what follows.
  await session.ask('checkpoint', {});
  let sealed = false;
  for (let done = 0, wave = 1; done < total; wave++) {
    const count = WAVES[wave % WAVES.length] ?? 1;
    await append(session, count, wave % WAVES_A_PAYLOAD === 0);
    done += count;
    if (wave % WAVES_A_CHECKPOINT === 0) await session.ask('checkpoint', {});
    if (done >= ROTATE_AFTER && done - count < ROTATE_AFTER) {
      const { index, id } = await session.ask('key.rotate', {});
      say(`${index} ${id}`);
    }
    // Due as soon as a checkpoint covers an entry of the next segment. Waited for: beside it nothing else is written.
    if (!sealed && (session.recorder?.signed() ?? 0) > SEGMENT_ENTRIES) {
      sealed = true;
      await session.recorder?.sealed();
    }
  }
}

const [, , state, script, how] = process.argv;
if (state === undefined || (script !== 'make' && script !== 'again'))
  throw new Error('usage: program.ts STATE make|again [pooled | threaded | SEED]');
// The store times its flushes to choose the thread for the next ones, and clocks that part leave an entry. By this clock
// every flush takes as long as the other, and both clocks agree: a busy machine must not change the system calls.
let ticks = 0;
const stepMs = how === 'pooled' ? 100 : 0;
const began = BEGAN[script];
Object.defineProperty(performance, 'now', { value: () => (ticks += stepMs) });
Date.now = () => began + ticks;
// As in a burst of entries, and for every single tile.
if (how === 'threaded') Object.defineProperty(LIMITS, 'threadedFiles', { value: 1 });
// Ids become names of files, which have to be known before the run.
let blocks = 0;
Object.defineProperty(crypto, 'randomBytes', {
  value: (size: number): Buffer =>
    crypto
      .createHash('shake256', { outputLength: size })
      .update(`${script} ${how ?? ''} ${blocks++}`)
      .digest(),
});
syncBuiltinESMExports();
try {
  await run(join(state), script);
} catch (error) {
  if (!isTallyError(error)) throw error;
  process.stderr.write(`refused: ${error.code}: ${error.message}\n`);
  process.exitCode = 1;
}
