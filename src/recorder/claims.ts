/** Signed sizes and roots that a log has to agree with before anything may be written to it. */
import { equalBytes } from '../core/bytes.ts';
import { TallyError } from '../core/error.ts';
import type { LogInfo } from '../core/loginfo.ts';
import { openCheckpoint, type VerifiedCheckpoint } from '../core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../core/tlog/key.ts';
import { treeRoot } from '../core/tlog/proof.ts';
import { type TileReader, tileHashReader } from '../core/tlog/tiling.ts';

const CONTINUE_HINT =
  'run `tally verify`: it names every entry that does not match. After an honest restore, `tally log continue --reason …` starts a new log that cites this one';

export function damaged(message: string, index?: number): TallyError {
  return new TallyError('LOG_DAMAGED', message, {
    hint: CONTINUE_HINT,
    ...(index === undefined ? {} : { details: { index } }),
  });
}

export function rolledBack(size: number, signed: number): TallyError {
  return new TallyError(
    'LOG_ROLLED_BACK',
    `the log ends at entry ${size}, but ${signed} entries were signed before`,
    {
      hint: CONTINUE_HINT,
      details: { size, signed },
    },
  );
}

export interface Claims {
  /** Size under the log's own checkpoint; 0 without one. */
  readonly signed: number;
  /** Everything below this is signed by somebody we believe, and must be there. */
  readonly floor: number;
  /** Checks the claims about exactly `size` entries. Throws `LOG_DAMAGED`, naming `suspect` when there is one. */
  check(size: number, root: () => Uint8Array, suspect?: number): void;
  /** Checks the claims about at most `size` entries against stored tiles. */
  checkBelow(size: number, tiles: TileReader): Promise<void>;
}

/** `head` is the newest checkpoint that was remembered outside the log; it is never ahead after a mere crash. */
export function openClaims(
  info: LogInfo,
  stored: Uint8Array | undefined,
  head: Uint8Array | undefined,
): Claims {
  const verifiers = info.keys.map(({ vkey }) => verifierFromVkey(vkey));
  const open = (note: Uint8Array | undefined, what: string): VerifiedCheckpoint | undefined => {
    if (note === undefined) return undefined;
    const checkpoint = openCheckpoint(note, verifiers);
    if (checkpoint.origin !== info.origin)
      throw damaged(`${what} is of ${checkpoint.origin}, not of ${info.origin}`);
    return checkpoint;
  };
  const own = open(stored, 'the checkpoint in the log');
  const remembered = open(head, 'the remembered head');
  const all = [own, remembered].filter((claim) => claim !== undefined);

  function agree(claim: VerifiedCheckpoint, root: Uint8Array, suspect?: number): void {
    if (equalBytes(claim.root, root)) return;
    throw damaged(
      claim === remembered
        ? `the first ${claim.size} entries are not the ones that were remembered: this is another history`
        : `the first ${claim.size} entries are not the ones that were signed`,
      suspect,
    );
  }

  return {
    signed: own?.size ?? 0,
    floor: Math.max(0, ...all.map(({ size }) => size)),
    check(size, root, suspect) {
      for (const claim of all) if (claim.size === size) agree(claim, root(), suspect);
    },
    async checkBelow(size, tiles) {
      for (const claim of all) {
        if (claim.size > 0 && claim.size <= size) {
          agree(claim, await treeRoot(claim.size, tileHashReader(claim.size, tiles)));
        }
      }
    },
  };
}
