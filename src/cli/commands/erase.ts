import { Command } from 'commander';
import { TallyError } from '../../core/error.ts';
import type { OpResults } from '../../recorder/ops.ts';
import type { Context } from '../context.ts';
import { counted } from '../facts.ts';
import { examples, readingOptions } from '../help.ts';
import { asOperator } from '../operator/prompt.ts';
import { hintLine } from '../output/failure.ts';
import { safe, toJson } from '../output/safe.ts';
import { parseMoment } from '../output/time.ts';

interface EraseOptions {
  readonly run?: string;
  readonly subject?: string;
  readonly class?: string;
  readonly before?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly utc?: boolean;
}

export function build(context: Context): Command {
  const command = readingOptions(
    new Command('erase')
      .description(
        'Erases payloads (prompts, arguments, results, bodies) by destroying their keys. Their entries stay, and every proof still verifies; nobody can read the payloads again, on this machine. Backups of keys/ hold the keys until they are gone too.',
      )
      .option('--run <id>', 'of this run')
      .option('--subject <text>', 'about this person or thing, as the event named it')
      .option('--class <name>', 'of this class: prompt, arguments, result, body …')
      .option('--before <time>', 'recorded before: 2026-01-31, 90d')
      .option('--reason <text>', 'recorded with it; needed unless --dry-run')
      .option('--dry-run', 'only say how much it would be'),
  );
  return examples(command, [
    ['tally erase --subject jane@example.com --reason "asked by her"', 'all that is about one person'],
    ['tally erase --class prompt --before 90d --dry-run', 'how much it would be'],
    ['tally erase --run run_01J… --reason "recorded by mistake"', 'all payloads of one run'],
  ])
    .addHelpText(
      'after',
      '\nSeveral options narrow it down. A legal hold (tally hold) on any of it refuses all\nof it. In --json: keys, held [{key_id, hold_id}], entries (indexes of log.erase).',
    )
    .action((options: EraseOptions) => erase(context, options));
}

async function erase(context: Context, options: EraseOptions): Promise<void> {
  const { run, subject, class: of, before, reason, dryRun = false, json } = options;
  if (run === undefined && subject === undefined && of === undefined && before === undefined)
    throw new TallyError('USAGE', 'nothing says what to erase', {
      hint: 'give --run, --subject, --class or --before; several of them narrow it down',
    });
  if (reason === undefined && !dryRun)
    throw new TallyError('USAGE', 'an erasure is recorded with its reason', {
      hint: 'give --reason "…", or --dry-run to see how much it would be',
    });
  const what = {
    ...(run === undefined ? {} : { run_id: run }),
    ...(subject === undefined ? {} : { subject }),
    ...(of === undefined ? {} : { class: of }),
    ...(before === undefined
      ? {}
      : { before: parseMoment(before, context.now(), { utc: options.utc === true }) }),
  };
  const result =
    reason === undefined || dryRun
      ? await found(context, what)
      : await asOperator(context, (ask) => ask('log.erase', { ...what, reason }));
  const { stdout, stderr } = context;
  if (json === true) return stdout.line(toJson(result));
  const { keys, held, entries } = result;
  if (dryRun) {
    await stdout.line(`${counted(keys, 'key')} of payloads would be destroyed`);
    const [first] = held;
    if (first !== undefined)
      await stdout.line(
        `${counted(held.length, 'of them is', 'of them are')} held: ${safe(first.hold_id)} (tally hold list)`,
      );
    return;
  }
  const named =
    entries.length === 0
      ? ''
      : `; ${entries.length === 1 ? 'entry' : 'entries'} ${entries.join(', ')} ${entries.length === 1 ? 'says' : 'say'} so`;
  await stdout.line(
    keys === 0
      ? 'no payload is kept that this fits'
      : `erased: ${counted(keys, 'key')} of payloads destroyed${named}`,
  );
  if (keys > 0)
    await stderr.line(
      hintLine(
        'backups of keys/ still hold these keys: docs/retention.md says what to do about them',
        stderr,
      ),
    );
}

type What = Parameters<typeof import('../../open/retention-look.ts').keysWithoutRecorder>[1];

async function found(context: Context, what: What): Promise<OpResults['log.erase']> {
  // Looking changes nothing, so no recorder is needed for it: the files tell.
  const { keysWithoutRecorder } = await import('../../open/retention-look.ts');
  const { keys, held } = await keysWithoutRecorder(context.paths, what);
  return {
    keys: keys.length,
    held: held.map(({ key_id, hold }) => ({ key_id, hold_id: hold.hold_id })),
    entries: [],
  };
}
