import { Command, Option } from 'commander';
import { TallyError } from '../../../core/error.ts';
import { COMPLETENESS_LISTS, type CompletenessList, listCompleteness } from '../../completeness.ts';
import type { Context } from '../../context.ts';
import { isBundle } from '../../export/is-bundle.ts';
import { examples, wholeNumber } from '../../help.ts';
import { directoryBlocks, publishedDirectory } from '../../log-source.ts';
import { hintLine } from '../../output/failure.ts';
import { createProgress, formatBytes } from '../../output/progress.ts';
import { safeJsonText, toJson } from '../../output/safe.ts';
import { formatDuration } from '../../output/time.ts';
import { mending, verdictLines } from '../../output/verdicts.ts';
import { anchorRequest } from '../../verify-anchors.ts';
import { readKey, verifyDirectory } from '../../verifying.ts';
import { isDirectory, verifyProofFile } from './verify-proof.ts';

interface VerifyOptions {
  readonly key?: readonly string[];
  readonly head?: readonly string[];
  readonly dir?: string;
  readonly entry?: string;
  readonly witness?: readonly string[];
  readonly quorum?: number;
  readonly completeness?: boolean;
  readonly list?: CompletenessList;
  readonly workers?: number;
  readonly json?: boolean;
}

export function buildVerify(context: Context, name: 'verify' | 'log verify'): Command {
  const command = new Command('verify')
    .description(
      'Verifies a log from its raw bytes and public keys: what was altered, cut off, replaced or rolled back is named. Or verifies the proof of one entry. Takes no lock.',
    )
    .argument(
      '[what]',
      'a proof file (.tlog-proof), a bundle of `log export`, a log directory, or what `log publish` wrote; the log of this machine otherwise',
    )
    .option(
      '--key <vkey>',
      'the key to trust, or a file that holds it; the one remembered on this machine otherwise. Can be given again',
      (one: string, others: readonly string[] = []) => [...others, one],
    )
    .option('--head <file...>', 'checkpoints kept from earlier: the log must still contain them')
    .option('--dir <directory>', 'the same for a directory')
    .option('--entry <file>', "the entry's bytes, for a proof file that does not hold them")
    .option(
      '--witness <vkey...>',
      'keys of witnesses that have to have cosigned the checkpoint of a proof file',
    )
    .option('--quorum <n>', 'so many of them are enough', wholeNumber(1))
    .option('--completeness', 'also judge whether everything that began has its end in the log')
    .addOption(
      new Option(
        '--list <what>',
        'only this: all that --completeness finds of one kind, one JSON object a line',
      ).choices(COMPLETENESS_LISTS),
    )
    .option('--workers <n>', 'processor cores to use; as many as pay otherwise', wholeNumber(1))
    .option('--json', 'one JSON document')
    .addHelpText('after', HELP);
  return examples(command, [
    [`tally ${name}`, 'the log of this machine'],
    [`tally ${name} ./copy --key "$VKEY"`, 'a copy, or a published log, with a key from elsewhere'],
    [`tally ${name} 41.tlog-proof --key "$VKEY"`, 'the proof of one entry, without the log'],
    [`tally ${name} --head last-week.checkpoint`, 'nothing since last week was taken back'],
    [`tally ${name} --completeness --json`, 'for a program'],
    [`tally ${name} --list crashes`, 'every time without a recorder that followed a crash'],
  ]).action((what: string | undefined, options: VerifyOptions) => choose(context, what, options));
}

/** As one of `tally log`. */
export function buildLogVerify(context: Context): Command {
  return buildVerify(context, 'log verify');
}

const HELP = `
Exit codes: 0 integrity, chain, append-only and signatures hold; 6 tampering
shown; 7 incomplete (with --completeness); 2 could not find out (no trusted key,
no checkpoint, an unreadable head). Each verdict is "pass", "fail", "neutral"
(not configured) or "incomplete", in --json too, beside "exit_code".

A head of this machine shows accidents and simple tampering. Who rewrites heads/
too, or holds the key, is shown only by a checkpoint kept elsewhere (--head),
a witness or an anchor (tally anchor).

anchored: per configured anchor the newest receipt that was checked just now, and
by when its entries were there. In --json: anchors [{name, type, configured,
status, size, behind, not_after, note}], quorum {needed, have, size}, and lost
[{entry, receipt, why}] with lost_count: receipts that entries name and that are
gone or altered. It never decides the exit code; an anchor that holds another log
fails append-only.`;

const MEGABYTE = 1_000_000;

async function choose(context: Context, what: string | undefined, options: VerifyOptions): Promise<void> {
  const isFile = what !== undefined && !(await isDirectory(what));
  if (what !== undefined && options.dir !== undefined) throw unfit('--dir', 'beside another log to verify');
  for (const name of ['entry', 'witness', 'quorum'] as const)
    if (!isFile && options[name] !== undefined) throw unfit(`--${name}`, 'without a proof file');
  const directory = isFile ? undefined : (what ?? options.dir);
  if (directory !== undefined && (await isBundle(directory))) return bundle(context, directory, options);
  if (!isFile) return verify(context, what === undefined ? options : { ...options, dir: what });
  if (options.head !== undefined) throw unfit('--head', 'for a proof file, which holds one entry');
  if (options.completeness === true) throw unfit('--completeness', 'for a proof file, which holds one entry');
  if (options.list !== undefined) throw unfit('--list', 'for a proof file, which holds one entry');
  if (options.workers !== undefined) throw unfit('--workers', 'for a proof file, which holds one entry');
  const [first, ...more] = options.key ?? [];
  if (more.length > 0) throw unfit('a second --key', 'for a proof file, which one key signed');
  const key = first === undefined ? undefined : await readKey(first);
  if (options.quorum !== undefined && options.witness === undefined)
    throw unfit('--quorum', 'without a --witness');
  return verifyProofFile(context, what, {
    key,
    entry: options.entry,
    witnesses: options.witness ?? [],
    quorum: options.quorum,
    json: options.json === true,
  });
}

/** What `log export --bundle` made. */
async function bundle(context: Context, directory: string, options: VerifyOptions): Promise<void> {
  for (const name of ['head', 'completeness', 'list', 'workers'] as const)
    if (options[name] !== undefined) throw unfit(`--${name}`, 'for a bundle, which holds a part of a log');
  const [{ tellVerified }, { verifyBundleAt }] = await Promise.all([
    import('../../export/bundle-told.ts'),
    import('../../export/verify-bundle.ts'),
  ]);
  const keys = await Promise.all((options.key ?? []).map(readKey));
  const progress = createProgress(context.stderr, 'verifying', 'entries');
  const report = await verifyBundleAt(context, directory, {
    keys,
    pinned: true,
    onProgress: progress.update,
  }).finally(() => progress.end());
  await tellVerified(context, report, options.json === true);
}

function unfit(option: string, why: string): TallyError {
  return new TallyError('USAGE', `${option} has no meaning ${why}`, { hint: `leave ${option} out` });
}

async function verify(context: Context, options: VerifyOptions): Promise<void> {
  if (options.list !== undefined) return list(context, options.list, options);
  const { stdout, stderr } = context;
  const current = options.dir === undefined;
  const keys = await Promise.all((options.key ?? []).map(readKey));
  const opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  const progress = createProgress(stderr, 'verifying', 'MB');
  const started = performance.now();
  let bytes = 0;
  const report = await verifyDirectory(opened, {
    current,
    keys,
    heads: options.head ?? [],
    completeness: options.completeness === true,
    anchors: anchorRequest(context),
    workers: options.workers,
    writerLives: () => (current ? writerLives(context) : Promise.resolve(undefined)),
    onProgress: (done, total) => {
      bytes = done;
      progress.update(Math.round(done / MEGABYTE), Math.round(total / MEGABYTE));
    },
  }).finally(() => progress.end());
  context.exit(report.exit_code);
  if (options.json === true) {
    await stdout.line(toJson(report));
    return;
  }
  const elapsed = performance.now() - started;
  const rate = `${formatBytes(bytes)} in ${formatDuration(elapsed)}`;
  const lines = verdictLines(report, stdout.style, stdout.width);
  await stdout.line(`${lines.join('\n')}, ${rate}`);
  for (const text of mending(report)) await stderr.line(hintLine(text, stderr));
}

/** Reads and proves nothing: it names what the verification found, where that is more than it shows. */
async function list(context: Context, what: CompletenessList, { dir }: VerifyOptions): Promise<void> {
  const { reader } = await context.openReader(dir === undefined ? {} : { log: dir });
  const published = dir === undefined ? undefined : await publishedDirectory(reader);
  const { blocks, first } = published ?? directoryBlocks(reader);
  const begins = first ?? (await reader.segments())[0]?.first ?? 0;
  const alive = dir === undefined ? await writerLives(context) : undefined;
  for await (const one of listCompleteness(what, blocks, { first: begins, alive })) {
    if (context.stdout.gone.aborted) return;
    await context.stdout.line(safeJsonText(JSON.stringify(one)));
  }
}

/** A writer that runs has open actions; one that is gone has left them unfinished. */
async function writerLives(context: Context): Promise<boolean> {
  const { connectHandover } = await import('../../../capture/handover.ts');
  const link = await connectHandover(context.paths.socket, await context.client());
  link?.close();
  return link !== undefined;
}
