/** The log against what was remembered of it outside. `tally verify` proves the rest. */
import { equalBytes } from '../../../core/bytes.ts';
import { isTallyError } from '../../../core/error.ts';
import type { LogInfo } from '../../../core/loginfo.ts';
import { openCheckpoint, type VerifiedCheckpoint } from '../../../core/tlog/checkpoint.ts';
import { type Verifier, verifierFromVkey } from '../../../core/tlog/key.ts';
import { type Head, readHead } from '../../../core/tlog/verify-heads.ts';
import type { OpenedReader } from '../../../reader.ts';
import { entriesPresent } from '../../present.ts';
import { type Check, fail, ok, skip, warn } from './check.ts';
import { why } from './keys.ts';

const RESTORE =
  'keep a copy of the directory as it is; tally verify names what is missing; restore logs/ and heads/ from a backup; after an honest loss: tally log continue --reason "…"';
const LOOK = 'tally verify shows which entries are concerned; restore the log directory from a backup';

/** Checkpoints that anchors hold, or why nobody can tell. */
export interface AnchoredHeads {
  readonly heads: readonly Head[];
  readonly problem?: string;
}

/**
 * Neither the head that was remembered outside of the log nor an anchor's is ahead of the log after a mere crash, and no
 * checkpoint is ahead of the entries. `anchored`: heads that anchors hold, taken before the call.
 */
export async function checkHead(
  { directory, name, reader, heads }: OpenedReader,
  info: LogInfo,
  anchored: AnchoredHeads,
): Promise<Check> {
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
    if (isTallyError(error) && error.code === 'LOG_UNREADABLE') throw error;
    return fail('head', `a checkpoint is not to be believed: ${why(error)}`, LOOK);
  }
  const claimed = Math.max(own?.size ?? 0, remembered?.size ?? 0);
  const present = await entriesPresent(directory);
  if (present < claimed) {
    return fail(
      'head',
      `${claimed} entries were signed, and ${present} are there: the rest is missing`,
      RESTORE,
    );
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
  const furthest = furthestOf(anchored.heads, info, verifiers);
  if (furthest !== undefined && furthest.size > own.size) {
    return fail(
      'head',
      `${furthest.name} holds a checkpoint of ${furthest.size} entries, and the log says ${own.size}: it was put back, and heads/ with it`,
      RESTORE,
    );
  }
  const told = `${own.size} entries signed, not behind what was remembered`;
  if (anchored.problem === undefined) return ok('head', told);
  return warn('head', `${told}; what anchors hold cannot be read: ${anchored.problem}`, 'tally verify');
}

/** Whoever signed it: a log that was put back does not know the keys that came later. */
function furthestOf(
  anchored: readonly Head[],
  { origin }: LogInfo,
  verifiers: readonly Verifier[],
): { readonly name: string; readonly size: number } | undefined {
  const sizes = anchored.flatMap((head) => {
    const { checkpoint } = readHead(head, origin, verifiers);
    return checkpoint === undefined ? [] : [{ name: head.name ?? 'an anchor', size: checkpoint.size }];
  });
  return sizes.sort((a, b) => b.size - a.size)[0];
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
