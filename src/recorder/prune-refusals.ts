/** Why a prune does not begin, or does not go on. */
import { TallyError } from '../core/error.ts';
import { carriedName } from '../core/retention/carried.ts';
import type { PruneBegun } from '../core/retention/prune-entry.ts';

export function closing(): TallyError {
  return new TallyError('LOG_CLOSED', 'the recorder is closing', { hint: 'start it again with `tally up`' });
}

export function carriedLost({ index, carried }: PruneBegun): TallyError {
  return new TallyError(
    'LOG_DAMAGED',
    `${carriedName(carried)}, which entry ${index} cites, is gone or is another one`,
    { hint: 'restore it from a backup; `tally verify` tells what else is missing', details: { index } },
  );
}

export function unreadable(): TallyError {
  return new TallyError(
    'BAD_CONFIG',
    'a redaction rule or a known secret matches the hash of what would be carried on',
    {
      hint: 'ask again in a minute: another range has another hash; nothing was removed',
    },
  );
}

export function cameMeanwhile(what: string): TallyError {
  return new TallyError('HELD', `nothing was removed: ${what} came meanwhile`, {
    hint: 'ask again: tally retain shows what would go now',
  });
}

export function checkpointGone(): TallyError {
  return new TallyError('LOG_DAMAGED', 'the checkpoint of the log is gone', {
    hint: 'run `tally verify`, and restore it from a backup of the same log',
  });
}
