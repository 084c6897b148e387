/** Rows, stored bytes, and what interrupts them: for a person in one table, for a program beside its data. */
import type { Interruption } from '../../../core/live/interruptions.ts';
import type { Context } from '../../context.ts';
import { safe, safeJsonText } from '../../output/safe.ts';
import { formatDuration, formatRecent, type Zone } from '../../output/time.ts';
import { wrap } from '../../output/width.ts';
import { createRowPrinter, type RowPrinter } from './row-printer.ts';
import type { TailPrinter } from './tail-watch.ts';

/** Commands that write one entry open and close the log each: pauses between them are no news. */
const SHORT_PAUSE_MS = 10_000;

export function tailPrinter(context: Context, zone: Zone, jsonl: boolean): TailPrinter {
  const { stdout, stderr } = context;
  const rows = jsonl ? printStored(context) : createRowPrinter(context, zone);
  const out = jsonl ? stderr : stdout;

  return {
    ...rows,
    async interruption(told) {
      const text = interruptionText(told, (ts) => formatRecent(ts, context.now(), zone));
      if (text === undefined) return;
      const paint = told.kind === 'stopped' && told.closed ? out.style.yellow : out.style.red;
      for (const line of wrap(`── ${safe(text)} ──`, out.width)) await out.line(paint(line));
    },
    damaged: (what) => stderr.line(`${stderr.style.red('damaged:')} ${safe(what)}; see \`tally verify\``),
  };
}

/** undefined for what is not worth a line. */
export function interruptionText(told: Interruption, time: (ts: string) => string): string | undefined {
  switch (told.kind) {
    case 'missing':
      return `${entries(told.from, told.to)} not in the log: run \`tally verify\``;
    case 'damaged':
      return `${entries(told.from, told.to)} damaged: ${told.why}; run \`tally verify\``;
    case 'unwritten': {
      const span =
        told.since === undefined || told.until === undefined
          ? ''
          : ` ${between(told.since, told.until, time)}`;
      const count = told.count === undefined ? '' : `, ${told.count} events lost`;
      return `nothing could be recorded${span}${count}`;
    }
    case 'stopped': {
      const { since, until, closed } = told;
      if (since === undefined) return `recorder started ${time(until)}`;
      if (closed && Date.parse(until) - Date.parse(since) < SHORT_PAUSE_MS) return undefined;
      return `recorder ${closed ? 'stopped' : 'ended without closing the log,'} ${between(since, until, time)}`;
    }
  }
}

function entries(from: number, to: number): string {
  return to - from === 1 ? `entry ${from} is` : `entries ${from}–${to - 1} are`;
}

function between(since: string, until: string, time: (ts: string) => string): string {
  const ms = Date.parse(until) - Date.parse(since);
  return `${time(since)}–${time(until)}${ms >= 0 ? ` (${formatDuration(ms)})` : ''}`;
}

/** Exact bytes to a program; on a terminal the same values, spelled so that nothing in them is obeyed. */
function printStored({ stdout }: Context): RowPrinter {
  const row = ({ line }: { readonly line: Buffer }): Promise<void> =>
    stdout.isTTY
      ? stdout.line(safeJsonText(line.toString('utf8')))
      : stdout.write(Buffer.concat([line, Buffer.from('\n')]));
  return {
    row,
    async begin(rows) {
      for (const each of rows) await row(each);
    },
  };
}
