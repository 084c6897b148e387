/** `tally log continue`: the next epoch of a log that cannot go on. */
import { join } from 'node:path';
import { TallyError } from '../core/error.ts';
import type { LogInfo } from '../core/loginfo.ts';
import { currentEpoch, isBegun, logName, makeHome } from '../home.ts';
import type { Paths } from '../paths.ts';
import type { Client } from '../recorder/ops.ts';
import { tryLock } from '../store/file/lock.ts';
import { fileObjects } from '../store/file/objects.ts';
import { fileReader } from '../store/file/reader.ts';
import { lockPath } from './lock.ts';
import { openLog, originOf } from './log.ts';
import { operatorGate } from './operator-gate.ts';

/** After an honest restore: a new log whose first entry cites the old head and the loss. The old one stays as it is. */
export async function continueLog(
  paths: Paths,
  options: { readonly reason: string; readonly client: Client; readonly onWarning: (line: string) => void },
): Promise<{
  readonly name: string;
  readonly origin: string;
  readonly cites: NonNullable<LogInfo['continues']>;
}> {
  await makeHome(paths);
  const refused = options.client.run_token !== undefined || options.client.detected !== undefined;
  const gate = operatorGate(paths);
  const token = options.client.operator_token;
  const locked = (await gate.isProtected()) && !(token !== undefined && (await gate.check(token)));
  if (refused || locked) {
    throw new TallyError('OPERATOR_REQUIRED', 'only the operator may start a log that continues a lost one', {
      hint: 'run it yourself in a terminal outside of any agent; `tally operator unlock` first when a passphrase is set',
    });
  }
  const lock = tryLock(lockPath(paths));
  if (lock === undefined) {
    throw new TallyError('LOG_LOCKED', 'another recorder writes this log, so it is not lost', {
      hint: 'tally status',
    });
  }
  try {
    const newest = currentEpoch(paths);
    const epoch = await lastBegun(paths, newest);
    const why = await whyRefused(options, paths, epoch, newest);
    const old = logName(epoch);
    const head = await fileObjects(paths.heads).get(`${old}/checkpoint`);
    const checkpoint = await fileObjects(join(paths.logs, old)).get('checkpoint');
    const cites = {
      log: old,
      origin: originFrom(head ?? checkpoint) ?? originOf(epoch),
      reason: options.reason,
      refused: why,
      ...(head === undefined ? {} : { remembered_head: Buffer.from(head).toString('utf8') }),
      ...(checkpoint === undefined ? {} : { found_checkpoint: Buffer.from(checkpoint).toString('utf8') }),
    };
    const recorder = await openLog({ ...options, paths }, newest + 1, cites);
    await recorder.close('continued');
    return { name: logName(newest + 1), origin: recorder.origin, cites };
  } finally {
    lock.release();
  }
}

/** What was cut short, or put there by somebody, continues nothing: the log before it is the one that is cited. */
async function lastBegun(paths: Paths, newest: number): Promise<number> {
  const heads = fileObjects(paths.heads);
  const hasEntries = async (epoch: number): Promise<boolean> =>
    (await fileReader(join(paths.logs, logName(epoch))).segments()).some(({ bytes }) => bytes > 0);
  let epoch = newest;
  while (!(await isBegun(heads, epoch)) && !(await hasEntries(epoch))) epoch--;
  return epoch;
}

/** Why the current log does not open. Throws USAGE when it does: a healthy log goes on as it is. */
async function whyRefused(
  options: { readonly client: Client; readonly onWarning: (line: string) => void },
  paths: Paths,
  epoch: number,
  newest: number,
): Promise<string> {
  try {
    const recorder = await openLog({ ...options, paths }, epoch);
    await recorder.close('nothing to continue from');
  } catch (error) {
    if (error instanceof TallyError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new TallyError('USAGE', 'the log opens as it is: there is nothing to continue from', {
    hint:
      epoch === newest
        ? 'tally up'
        : `move ${join(paths.logs, logName(newest))} away, in which nobody began a log; then \`tally up\``,
  });
}

function originFrom(checkpoint: Uint8Array | undefined): string | undefined {
  return checkpoint === undefined ? undefined : Buffer.from(checkpoint).toString('utf8').split('\n')[0];
}
