/** The log against what was remembered of it outside. `tally verify` proves the rest. */
import { equalBytes } from '../../../core/bytes.ts';
import type { LogInfo } from '../../../core/loginfo.ts';
import { openCheckpoint, type VerifiedCheckpoint } from '../../../core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../../../core/tlog/key.ts';
import type { OpenedReader } from '../../../reader.ts';
import { type Check, fail, ok, skip, warn } from './check.ts';
import { why } from './keys.ts';

const LOOK = 'tally verify shows which entries are concerned; restore the log directory from a backup';

/** The head that was remembered outside of the log is never ahead of the log after a mere crash. */
export async function checkHead({ name, reader, heads }: OpenedReader, info: LogInfo): Promise<Check> {
  const pinned = await heads.get(`${name}/vkey`);
  const first = info.keys[0]?.vkey;
  if (pinned !== undefined && Buffer.from(pinned).toString('utf8').trim() !== first) {
    return fail('head', 'log.json names another first key than the one that was remembered', LOOK);
  }
  const verifiers = info.keys.map(({ vkey }) => verifierFromVkey(vkey));
  let own: VerifiedCheckpoint | undefined;
  let remembered: VerifiedCheckpoint | undefined;
  try {
    // The head first: a recorder that signs meanwhile makes the log newer, never older.
    const head = await heads.get(`${name}/checkpoint`);
    const stored = await reader.objects.get('checkpoint');
    remembered = head === undefined ? undefined : openCheckpoint(head, verifiers);
    own = stored === undefined ? undefined : openCheckpoint(stored, verifiers);
  } catch (error) {
    return fail('head', `a checkpoint is not to be believed: ${why(error)}`, LOOK);
  }
  if (remembered === undefined) return skip('head', 'no head is remembered yet');
  if (own === undefined || own.size < remembered.size) {
    return fail(
      'head',
      `${remembered.size} entries were signed once, and the log says ${own?.size ?? 'nothing'}: it was rolled back`,
      LOOK,
    );
  }
  if (own.size === remembered.size && !equalBytes(own.root, remembered.root)) {
    return fail('head', `the first ${own.size} entries are not the ones that were remembered`, LOOK);
  }
  return ok('head', `${own.size} entries signed, not behind what was remembered`);
}

/** `torn`: tails that recovery set aside and nobody acknowledged. */
export function checkRecovery(
  torn: readonly string[],
  recovered: string | undefined,
  gap: string | undefined,
): Check {
  const [first] = torn;
  if (first !== undefined) {
    return warn(
      'recovery',
      `${torn.join(', ')}: entries after the last signature were set aside after a crash`,
      `look at the file, then: tally log acknowledge ${first} --reason "…"`,
    );
  }
  const last = [
    recovered === undefined ? '' : `last recovery ${recovered}`,
    gap === undefined ? '' : `last gap ${gap}`,
  ];
  const told = last.filter((part) => part !== '').join(', ');
  return ok('recovery', told === '' ? 'no crash left anything behind, no gap' : told);
}
