/** The index: never a reason to fail, since everything in it is in the log. */
import { indexStatus } from '../../../open/index-status.ts';
import type { Paths } from '../../../paths.ts';
import { counted, formatBytes } from '../../facts.ts';
import { entriesPresent } from '../../present.ts';
import { type Check, ok, skip, warn } from './check.ts';

/** With a recorder running, what is further behind than this is not fed. */
const BEHIND = 100_000;

export async function checkIndex(paths: Paths, directory: string, running: boolean): Promise<Check> {
  const found = await indexStatus(paths, directory, await entriesPresent(directory));
  if (found.state === 'none') return skip('index', 'there is none yet; the first question makes it');
  if (found.state !== 'ready')
    return warn(
      'index',
      found.state === 'damaged'
        ? `it is damaged: ${found.problem}`
        : 'it is of another log or another version',
      'tally index rebuild',
    );
  if (found.malformed > 0) {
    const lines =
      found.malformed === 1
        ? '1 line of the log is no entry'
        : `${found.malformed} lines of the log are no entries`;
    return warn('index', `${lines}: somebody altered the log, or the disk did`, 'tally verify');
  }
  const told = `${found.lag === 0 ? 'up to date' : `${counted(found.lag, 'entry', 'entries')} behind`}, ${formatBytes(found.bytes)}`;
  return running && found.lag > BEHIND
    ? warn(
        'index',
        `${told}: the recorder does not keep it up`,
        'look at the output of tally up; tally index rebuild',
      )
    : ok('index', told);
}
