/** What an export says when it is done: on standard error, since standard output may be the export. */
import type { Context } from '../../context.ts';
import { say } from '../../export/say.ts';
import type { Exported } from '../../export/write.ts';
import { counted } from '../../facts.ts';
import { formatBytes, grouped } from '../../output/progress.ts';
import { safe, toJson } from '../../output/safe.ts';

export interface ToldExport extends Exported {
  readonly bytes: number;
  readonly sha256: string;
  /** undefined for standard output. */
  readonly out: string | undefined;
  /** Lines of the whole log that are no entries. */
  readonly malformed: number;
  /** Id of the entry about it. */
  readonly recorded: string | undefined;
  readonly json: boolean;
}

export async function tellExport(context: Context, told: ToldExport): Promise<void> {
  const { stdout, stderr } = context;
  const { dim, red } = stderr.style;
  const { rows, entries, records, bytes, out, recorded, snapshots } = told;
  const damaged = told.unreadable > 0 || told.altered.length > 0;
  // An export with a hole in it is no answer to build on.
  if (damaged) context.exit(6);
  if (told.json) await stdout.line(toJson(jsonOf(told, damaged)));
  const where = out === undefined ? '' : ` to ${safe(out)}`;
  const what = [
    counted(entries, 'entry', 'entries'),
    `of ${counted(rows, 'row')}`,
    ...(records === entries + snapshots ? [] : [`as ${counted(records, 'record')}`]),
    ...(snapshots === 0 ? [] : [`with ${counted(snapshots, 'policy snapshot')}`]),
  ].join(' ');
  await say(stderr, `exported ${what}, ${formatBytes(bytes)}${where}`, dim);
  if (out !== undefined) await stderr.line(dim(`sha256 ${told.sha256}`));
  if (recorded !== undefined) await stderr.line(dim(`recorded as ${recorded}`));
  if (told.replaced > 0)
    await say(
      stderr,
      `${counted(told.replaced, 'end')} that another end of the same call replaced, or that may not end it: not told, this format has one record a call`,
      dim,
    );
  if (told.malformed > 0)
    await stderr.line(
      `${red('damaged:')} ${counted(told.malformed, 'line')} of the log ${told.malformed === 1 ? 'is no entry' : 'are no entries'} and not in any export; see \`tally verify\``,
    );
  if (told.unreadable > 0)
    await stderr.line(
      `${red('damaged:')} ${grouped(told.unreadable)} of the entries that match cannot be read, so the export is not whole; see \`tally verify\``,
    );
  for (const hash of told.altered)
    await stderr.line(
      `${red('damaged:')} the policy snapshot ${hash} was altered after it was cited, and is left out; see \`tally verify\``,
    );
  if (told.missing.length > 0)
    await say(
      stderr,
      `${counted(told.missing.length, 'policy snapshot')} that entries cite ${told.missing.length === 1 ? 'is' : 'are'} not in this log: ${told.missing.slice(0, 3).map(safe).join(', ')}`,
    );
}

function jsonOf(told: ToldExport, damaged: boolean): unknown {
  const { rows, entries, records, snapshots, replaced, unreadable, missing, altered } = told;
  return {
    status: damaged ? 'damaged' : 'ok',
    rows,
    entries,
    records,
    snapshots,
    replaced,
    unreadable,
    lines_that_are_no_entries: told.malformed,
    missing_snapshots: missing,
    altered_snapshots: altered,
    bytes: told.bytes,
    sha256: told.sha256,
    out: told.out ?? null,
    recorded: told.recorded ?? null,
  };
}
