import { randomBytes } from 'node:crypto';
import { Command, Option } from 'commander';
import { isTallyError } from '../../core/error.ts';
import { IMPORT_FORMATS, type ImportFormat } from '../../core/import/decoder.ts';
import { createImportReader } from '../../core/import/read.ts';
import { LIMITS } from '../../core/limits.ts';
import { ulidSource } from '../../core/ulid.ts';
import type { OpenedQuery } from '../../open/query.ts';
import type { Session } from '../../open.ts';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { feed } from '../import/feed.ts';
import { type LookUp, lookUpIn, nothingKnown } from '../import/known.ts';
import { openSource } from '../import/source.ts';
import { tellImport } from '../import/told.ts';
import { type Ended, newTotals, type Totals } from '../import/totals.ts';
import { unlockIfAsked } from '../operator/prompt.ts';
import { createProgress } from '../output/progress.ts';

interface ImportOptions {
  readonly from: ImportFormat;
  readonly dryRun?: boolean;
  readonly strict?: boolean;
  readonly json?: boolean;
}

export function build(context: Context): Command {
  const command = new Command('import')
    .summary('bring in the records of other programs')
    .description(
      'Reads a file of records in another format and records them here. Each becomes an entry that says where it came from and that nobody checked it. Run again with the same file, only what is new is added.',
    )
    .argument('<file>', 'the file; - is standard input')
    .addOption(new Option('--from <format>', 'its format').choices(IMPORT_FORMATS).makeOptionMandatory())
    .option('--dry-run', 'read it and say what would come of it; nothing is written')
    .option('--strict', 'end at the first line that is refused')
    .option('--json', 'one JSON document')
    .addHelpText('after', HELP);
  return examples(command, [
    ['tally import --from claude-code session.jsonl', 'a transcript of Claude Code'],
    ['tally import --from agentsecrets governance.csv --dry-run', 'what would come of it'],
    ['tally import --from secretspec audit.jsonl --json', 'for a program'],
    ['zcat old.jsonl.gz | tally import --from agentlogsafe -', 'from standard input'],
  ]).action((file: string, options: ImportOptions) => importFile(context, file, options));
}

const HELP = `
Times of entries are the recorder's; when it happened, as the file says, is in
metadata.imported.ts. Exit codes: 0 done; 1 a line was refused (the others are
recorded); 130 interrupted. --json prints {"format","file","dry_run","status":
"done"|"strict"|"interrupted","bytes","sha256","lines":{"read","imported",
"skipped","refused","passed"},"entries":{"recorded","already_there"},"passed":
{kind:n},"refusals":[{"line","why"}],"cut","unpaired","chain","recorded"}; read is
the sum of the four after it. What each format becomes: docs/importing.md.`;

const INTERRUPTED = 130;
const MEGABYTE = 1_000_000;

async function importFile(context: Context, file: string, options: ImportOptions): Promise<void> {
  const dryRun = options.dryRun === true;
  const signal = context.interrupted();
  const source = await openSource(context, file, signal);
  const totals = newTotals();
  const about = { format: options.from, file: source.name, dryRun, totals };
  if (!dryRun) await unlockIfAsked(context);
  const session = dryRun ? undefined : await context.openSession();
  let asked: OpenedQuery | undefined;
  const ulid = ulidSource(randomBytes);
  const nextId = (): string => `log_${ulid(context.now())}`;
  const progress = createProgress(context.stderr, dryRun ? 'reading' : 'importing', 'MB');
  try {
    asked = await openLog(context);
    const begun = await session?.ask('import.begin', {
      id: nextId(),
      format: options.from,
      file: source.name,
    });
    let ended: Ended;
    try {
      ended = await feed({
        source: source.bytes,
        reader: createImportReader({ format: options.from, file: source.name }),
        lookUp: asked === undefined ? nothingKnown : lookUpIn(asked),
        lookAgain: (rows) => lookUpNow(context, rows),
        ...(session === undefined || begun === undefined
          ? {}
          : { send: async (rows) => (await session.ask('import.rows', { ...begun, rows: [...rows] })).rows }),
        strict: options.strict === true,
        signal,
        totals,
        onBytes: (bytes) =>
          progress.update(
            Math.round(bytes / MEGABYTE),
            source.total === undefined ? undefined : Math.round(source.total / MEGABYTE),
          ),
      });
    } catch (error) {
      if (session !== undefined && begun !== undefined)
        await endBroken(session, { id: nextId(), import_id: begun.import_id }, totals, error);
      throw error;
    }
    progress.end();
    if (session !== undefined && begun !== undefined)
      await end(session, { id: nextId(), import_id: begun.import_id }, totals, ended);
    await tellImport(context, { ...about, ended, recorded: begun?.import_id }, options.json === true);
    context.exit(ended.status === 'interrupted' ? INTERRUPTED : totals.lines.refused > 0 ? 1 : 0);
  } finally {
    progress.end();
    await asked?.close();
    await session?.close();
  }
}

/** The index that an import looks into does not follow the log. */
const lookUpNow = async (context: Context, rows: Parameters<LookUp>[0]): ReturnType<LookUp> => {
  const now = await context.openQuery();
  try {
    return await lookUpIn(now)(rows);
  } finally {
    await now.close();
  }
};

/** undefined where there is no log yet, which a dry run does not make. */
async function openLog(context: Context): Promise<OpenedQuery | undefined> {
  try {
    await (await context.openReader()).logInfo();
    return await context.openQuery();
  } catch (error) {
    if (isTallyError(error) && error.code === 'LOG_MISSING') return undefined;
    throw error;
  }
}

interface Ids {
  readonly id: string;
  readonly import_id: string;
}

function countsOf({ lines, entries, cut }: Totals): Record<string, number> {
  return { ...lines, ...entries, cut };
}

async function end(session: Session, ids: Ids, totals: Totals, ended: Ended): Promise<void> {
  const { refused } = totals.lines;
  const { status, bytes, sha256, chain } = ended;
  await session.ask('import.end', {
    ...ids,
    status: status === 'interrupted' ? 'aborted' : refused > 0 ? 'error' : 'ok',
    ...(refused === 0 ? {} : { error: `${refused} lines were refused` }),
    counts: countsOf(totals),
    bytes,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(chain === undefined ? {} : { chain: { ...chain } }),
  });
}

/** The failure itself is told by the caller; a log that cannot be written cannot hold this either. */
async function endBroken(session: Session, ids: Ids, totals: Totals, error: unknown): Promise<void> {
  const why = error instanceof Error ? error.message : String(error);
  try {
    await session.ask('import.end', {
      ...ids,
      status: 'error',
      error: why.slice(0, LIMITS.idChars),
      counts: countsOf(totals),
      bytes: 0,
    });
  } catch {
    // The next start of the recorder ends it as unknown.
  }
}
