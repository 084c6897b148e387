import { Command } from 'commander';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import { hintLine } from '../../output/failure.ts';
import { createProgress, formatBytes } from '../../output/progress.ts';
import { toJson } from '../../output/safe.ts';
import { formatDuration } from '../../output/time.ts';
import { mending, verdictLines } from '../../output/verdicts.ts';
import { readKey, verifyDirectory } from '../../verifying.ts';

interface VerifyOptions {
  readonly key?: string;
  readonly head?: readonly string[];
  readonly dir?: string;
  readonly completeness?: boolean;
  readonly json?: boolean;
}

export function buildVerify(context: Context, name: 'verify' | 'log verify'): Command {
  const command = new Command('verify')
    .summary('prove that nothing was altered')
    .description(
      'Verifies a log from its raw bytes and public keys: what was altered, cut off, replaced or rolled back is named. Takes no lock.',
    )
    .option(
      '--key <vkey>',
      'the key to trust, or a file that holds it; the one remembered on this machine otherwise',
    )
    .option('--head <file...>', 'checkpoints kept from earlier: the log must still contain them')
    .option('--dir <directory>', 'another log: a copy of its directory, or what `log publish` wrote')
    .option('--completeness', 'also judge whether everything that began has its end in the log')
    .option('--json', 'one JSON document')
    .addHelpText('after', HELP);
  return examples(command, [
    [`tally ${name}`, 'the log of this machine'],
    [`tally ${name} --dir ./copy --key "$VKEY"`, 'a copy, with a key from elsewhere'],
    [`tally ${name} --head last-week.checkpoint`, 'nothing since last week was taken back'],
    [`tally ${name} --completeness --json`, 'for a program'],
  ]).action((options: VerifyOptions) => verify(context, options));
}

const HELP = `
Exit codes: 0 integrity, chain, append-only and signatures hold; 6 tampering
shown; 7 incomplete (with --completeness); 2 could not find out (no trusted key,
no checkpoint, an unreadable head). Each verdict is "pass", "fail", "neutral"
(not configured) or "incomplete", in --json too, beside "exit_code".

A head of this machine shows accidents and simple tampering. Who rewrites heads/
too, or holds the key, is shown only by a checkpoint kept elsewhere (--head).`;

const MEGABYTE = 1_000_000;

async function verify(context: Context, options: VerifyOptions): Promise<void> {
  const { stdout, stderr } = context;
  const current = options.dir === undefined;
  const key = options.key === undefined ? undefined : await readKey(options.key);
  const opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  const progress = createProgress(stderr, 'verifying', 'MB');
  const started = performance.now();
  let bytes = 0;
  const report = await verifyDirectory(opened, {
    current,
    key,
    heads: options.head ?? [],
    completeness: options.completeness === true,
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

/** A writer that runs has open actions; one that is gone has left them unfinished. */
async function writerLives(context: Context): Promise<boolean> {
  const { connectHandover } = await import('../../../capture/handover.ts');
  const link = await connectHandover(context.paths.socket, await context.client());
  link?.close();
  return link !== undefined;
}
