/** Tells what a reading could not take into account. */
import type { Malformed } from '../../../core/query/scan.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { segmentName } from '../../../store/file/names.ts';
import type { PageEnd } from '../../asking.ts';
import type { Context } from '../../context.ts';
import { locateMalformed } from '../../malformed.ts';
import { grouped } from '../../output/progress.ts';
import { safe } from '../../output/safe.ts';

/** Lines and entries that are named one by one on a terminal; --json names more. */
const NAMED = 3;

export interface Damage {
  readonly malformed: { readonly count: number; readonly lines: readonly Malformed[] };
  readonly unfit: PageEnd['unfit'];
}

const WHOLE: PageEnd['unfit'] = { count: 0, some: [] };

/** What of the log no row tells of. */
export async function malformedIn({ query, opened }: OpenedQuery): Promise<Damage['malformed']> {
  const { count, first } = await query.malformed();
  return { count, lines: await locateMalformed(opened.reader, first) };
}

export async function reportMalformed(
  context: Context,
  opened: OpenedQuery,
  unfit: PageEnd['unfit'] = WHOLE,
): Promise<void> {
  await reportDamage(context, { malformed: await malformedIn(opened), unfit });
}

export async function reportDamage({ stderr }: Context, { malformed, unfit }: Damage): Promise<void> {
  const damaged = stderr.style.red('damaged:');
  if (malformed.count > 0) {
    const lines = malformed.count === 1 ? 'line of the log is no entry' : 'lines of the log are no entries';
    await stderr.line(`${damaged} ${grouped(malformed.count)} ${lines}; see \`tally verify\``);
    for (const { first, offset, why } of malformed.lines.slice(0, NAMED))
      await stderr.line(`  entries/${segmentName(first)} at byte ${offset}: ${safe(why)}`);
    await sayMore(stderr, malformed.count);
  }
  if (unfit.count > 0) {
    const rows = unfit.count === 1 ? 'row of the index does' : 'rows of the index do';
    await stderr.line(`${damaged} ${grouped(unfit.count)} ${rows} not fit the log; see \`tally verify\``);
    for (const { index, why } of unfit.some.slice(0, NAMED))
      await stderr.line(`  entry ${index}: ${safe(why)}`);
    await sayMore(stderr, unfit.count);
  }
}

async function sayMore(stderr: Context['stderr'], count: number): Promise<void> {
  if (count > NAMED)
    await stderr.line(`  … and ${grouped(count - NAMED)} more (\`tally log list --json\` names more)`);
}
