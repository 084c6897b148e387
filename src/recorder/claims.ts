/** Signed sizes and roots that a log has to agree with before anything may be written to it. */
import { equalBytes } from '../core/bytes.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { type KeySpan, keysAt } from '../core/tlog/key-history.ts';
import { parseNote } from '../core/tlog/note.ts';
import { treeRoot } from '../core/tlog/proof.ts';
import { type TileReader, tileHashReader } from '../core/tlog/tiling.ts';

const CONTINUE_HINT =
  'run `tally verify`: it names every entry that does not match. After an honest restore, `tally log continue --reason …` starts a new log that cites this one';

export function damaged(message: string, index?: number, hint: string = CONTINUE_HINT): TallyError {
  return new TallyError('LOG_DAMAGED', message, {
    hint,
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

function openAt(note: Uint8Array, spans: readonly KeySpan[], what: string): Checkpoint {
  try {
    const { size } = parseCheckpoint(parseNote(note).text);
    return openCheckpoint(note, keysAt(spans, size));
  } catch (error) {
    if (isTallyError(error)) throw damaged(`${what} is not one that the log's key signed: ${error.message}`);
    throw error;
  }
}

/**
 * `head` is the newest checkpoint that was remembered outside the log; it is never ahead after a mere crash. Each is
 * good only by a key that was in force at its size. `notes` are the rotation notes, opened already: whoever holds
 * today's key could sign other entries, and not those.
 */
export function openClaims(
  {
    origin,
    spans,
    notes,
  }: { readonly origin: string; readonly spans: readonly KeySpan[]; readonly notes: readonly Checkpoint[] },
  stored: Uint8Array | undefined,
  head: Uint8Array | undefined,
): Claims {
  const open = (note: Uint8Array | undefined, what: string): Checkpoint | undefined => {
    if (note === undefined) return undefined;
    const checkpoint = openAt(note, spans, what);
    if (checkpoint.origin !== origin) throw damaged(`${what} is of ${checkpoint.origin}, not of ${origin}`);
    return checkpoint;
  };
  const own = open(stored, 'the checkpoint in the log');
  const remembered = open(head, 'the remembered head');
  const all = [own, remembered, ...notes].filter((claim) => claim !== undefined);

  const bySize = Map.groupBy(all, ({ size }) => size);

  function agree(claim: Checkpoint, root: Uint8Array, suspect?: number): void {
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
      for (const claim of bySize.get(size) ?? []) agree(claim, root(), suspect);
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
