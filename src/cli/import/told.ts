/** What an import says when it is over. */
import { LIMITS } from '../../core/limits.ts';
import type { Context } from '../context.ts';
import { counted } from '../facts.ts';
import { grouped } from '../output/progress.ts';
import { safe, toJson } from '../output/safe.ts';
import { wrap } from '../output/width.ts';
import type { Ended, Totals } from './totals.ts';

export interface ToldImport {
  readonly format: string;
  readonly file: string;
  readonly dryRun: boolean;
  readonly totals: Totals;
  readonly ended: Ended;
  /** Id of the entry about this import. */
  readonly recorded: string | undefined;
}

export async function tellImport(context: Context, told: ToldImport, json: boolean): Promise<void> {
  const { stdout, stderr } = context;
  if (json) await stdout.line(toJson(jsonOf(told)));
  else for (const line of summaryLines(told)) await say(context, line);
  const { totals } = told;
  const { dim, red } = stderr.style;
  if (json) return;
  for (const { line, why } of totals.refusals.slice(0, LIMITS.malformedShown))
    await stderr.line(`${red('refused:')} line ${grouped(line)}: ${safe(why)}`);
  const more = totals.lines.refused - Math.min(totals.refusals.length, LIMITS.malformedShown);
  if (more > 0)
    await stderr.line(dim(`${grouped(more)} more were refused (--json names ${LIMITS.importRefusals})`));
}

async function say({ stdout }: Context, text: string): Promise<void> {
  for (const part of wrap(text, stdout.width)) await stdout.line(part);
}

function* summaryLines({ dryRun, totals, ended, recorded, file, format }: ToldImport): Generator<string> {
  const { lines, entries, kinds } = totals;
  const verb = dryRun ? 'would import' : 'imported';
  yield `${verb} ${counted(lines.imported, 'line')} of ${safe(file)} (${format}) as ${counted(entries.recorded, 'entry', 'entries')}`;
  yield `  ${grouped(lines.read)} read, ${grouped(lines.imported)} ${dryRun ? 'new' : 'imported'}, ${grouped(lines.skipped)} skipped (there already), ${grouped(lines.refused)} refused, ${grouped(lines.passed)} passed (nothing to record)`;
  if (kinds.size > 0)
    yield `  passed: ${[...kinds].map(([kind, count]) => `${safe(kind)} ${grouped(count)}`).join(', ')}`;
  if (totals.cut > 0)
    yield `  ${counted(totals.cut, 'member')} too long to keep: left out, and named in metadata.imported.cut`;
  if (ended.unpaired > 0)
    yield `  ${counted(ended.unpaired, 'end')} whose beginning the file does not tell: recorded by themselves`;
  if (ended.chain !== undefined) {
    const { status, note, broken, broken_count } = ended.chain;
    const at = broken_count === 0 ? '' : `, first at line ${broken[0]} (${grouped(broken_count)} in all)`;
    yield `  its own chain: ${status}; ${note}${at}`;
  }
  if (ended.status === 'strict')
    yield '  ended at the first refused line (--strict); what came before it is recorded';
  if (ended.status === 'interrupted')
    yield '  interrupted: run the same command again, it goes on where this one ended';
  if (recorded !== undefined) yield `  recorded as ${recorded}`;
}

function jsonOf({ format, file, dryRun, totals, ended, recorded }: ToldImport): unknown {
  const { lines, entries, kinds, refusals, cut } = totals;
  return {
    format,
    file,
    dry_run: dryRun,
    status: ended.status,
    bytes: ended.bytes,
    sha256: ended.sha256 ?? null,
    lines,
    entries,
    passed: Object.fromEntries(kinds),
    refusals,
    cut,
    unpaired: ended.unpaired,
    ...(ended.chain === undefined ? {} : { chain: ended.chain }),
    recorded: recorded ?? null,
  };
}
