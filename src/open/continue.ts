/** `tally log continue`: the next epoch of a log that cannot go on. */
import { TallyError } from '../core/error.ts';
import type { LogInfo } from '../core/loginfo.ts';
import { currentEpoch, logName, makeHome } from '../home.ts';
import type { Paths } from '../paths.ts';
import { openReader } from '../reader.ts';
import type { Client } from '../recorder/ops.ts';
import { tryLock } from '../store/file/lock.ts';
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
    const epoch = currentEpoch(paths);
    const why = await whyRefused(options, paths, epoch);
    const old = openReader(paths);
    const head = await old.heads.get(`${old.name}/checkpoint`);
    const checkpoint = await old.reader.objects.get('checkpoint');
    const cites = {
      log: old.name,
      origin: originFrom(head ?? checkpoint) ?? originOf(epoch),
      reason: options.reason,
      refused: why,
      ...(head === undefined ? {} : { remembered_head: Buffer.from(head).toString('utf8') }),
      ...(checkpoint === undefined ? {} : { found_checkpoint: Buffer.from(checkpoint).toString('utf8') }),
    };
    const recorder = await openLog({ ...options, paths }, epoch + 1, cites);
    await recorder.close('continued');
    return { name: logName(epoch + 1), origin: recorder.origin, cites };
  } finally {
    lock.release();
  }
}

/** Why the current log does not open. Throws USAGE when it does: a healthy log goes on as it is. */
async function whyRefused(
  options: { readonly client: Client; readonly onWarning: (line: string) => void },
  paths: Paths,
  epoch: number,
): Promise<string> {
  try {
    const recorder = await openLog({ ...options, paths }, epoch);
    await recorder.close('nothing to continue from');
  } catch (error) {
    if (error instanceof TallyError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new TallyError('USAGE', 'the log opens as it is: there is nothing to continue from', {
    hint: 'tally up',
  });
}

function originFrom(checkpoint: Uint8Array | undefined): string | undefined {
  return checkpoint === undefined ? undefined : Buffer.from(checkpoint).toString('utf8').split('\n')[0];
}
