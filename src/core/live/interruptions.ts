/**
 * What a reader who sees entry after entry would not see: that some are not there, that nothing was recorded for a while,
 * or that what lies there is no entry. Told in the place where it happened, whatever filter is in force.
 */
import type { JsonObject } from '../json.ts';
import { numberAt, textAt } from '../query/fields.ts';
import { lineTime, lineType, parseLine } from '../query/line.ts';

export type Interruption =
  /** Entries `from` to `to - 1` are not in the files of the log. */
  | { readonly kind: 'missing'; readonly from: number; readonly to: number }
  /** What lies where entries `from` to `to - 1` should be cannot be read, or is no entry. */
  | { readonly kind: 'damaged'; readonly from: number; readonly to: number; readonly why: string }
  /** No recorder ran between these times; `closed`: the one before had ended in order. `before`: its first entry after. */
  | {
      readonly kind: 'stopped';
      readonly since?: string;
      readonly until: string;
      readonly closed: boolean;
      readonly before: number;
    }
  /** A `log.gap` entry: for some time the recorder could not write. */
  | {
      readonly kind: 'unwritten';
      readonly since?: string;
      readonly until?: string;
      readonly count?: number;
      readonly before: number;
    };

export interface InterruptionWatch {
  /** Of every line in the order of the log: what is to be told before it. Lines that are no entries are passed over. */
  see(index: number, line: Buffer): Interruption | undefined;
}

export function watchInterruptions(): InterruptionWatch {
  /** The line before, which may stand in a larger block. */
  let last: Buffer | undefined;
  /** Of the last entry of the recorder that ran before, while the next one starts. */
  let stoppedBy: Buffer | undefined;

  function opened(index: number, line: Buffer): Interruption | undefined {
    const before = stoppedBy ?? last;
    stoppedBy = undefined;
    const until = lineTime(line);
    if (before === undefined || until === undefined || !isOwn(line)) return undefined;
    const since = lineTime(before);
    return {
      kind: 'stopped',
      ...(since === undefined ? {} : { since }),
      until,
      closed: lineType(before) === 'log.close' && isOwn(before),
      before: index,
    };
  }

  return {
    see(index, line) {
      const type = lineType(line);
      let told: Interruption | undefined;
      if (type === 'log.open') told = opened(index, line);
      else if (type === 'log.gap') told = gapOf(index, line);
      // Before it opens the log, a recorder says what it had to set aside.
      else if (type === 'log.recover') stoppedBy ??= last;
      else stoppedBy = undefined;
      last = line;
      return told;
    },
  };
}

/** A client may say anything; only the recorder's own word is one about the recorder. */
function isOwn(line: Buffer): boolean {
  const entry = entryOf(line);
  return entry !== undefined && textAt(entry, 'source', 'assurance') === 'enforced';
}

function gapOf(index: number, line: Buffer): Interruption | undefined {
  const entry = entryOf(line);
  if (entry === undefined) return undefined;
  const since = textAt(entry, 'metadata', 'from');
  const until = textAt(entry, 'metadata', 'to');
  const count = numberAt(entry, 'metadata', 'count');
  return {
    kind: 'unwritten',
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(count === undefined ? {} : { count }),
    before: index,
  };
}

function entryOf(line: Buffer): JsonObject | undefined {
  const parsed = parseLine(line);
  return 'entry' in parsed ? parsed.entry : undefined;
}
