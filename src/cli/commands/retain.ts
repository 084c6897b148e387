import { Command } from 'commander';
import { LIMITS } from '../../core/limits.ts';
import { isSet } from '../../core/retention/setting.ts';
import { loadConfig } from '../../open/config.ts';
import type { RetentionDone, RetentionPlan } from '../../recorder/retention-ops.ts';
import type { Context } from '../context.ts';
import { factLines } from '../facts.ts';
import { examples, readingOptions } from '../help.ts';
import { asOperator } from '../operator/prompt.ts';
import { hintLine } from '../output/failure.ts';
import { safe, toJson } from '../output/safe.ts';
import { entriesText, payloadsText, planFacts } from '../retention-text.ts';
import { askRunning } from '../running.ts';

interface RetainOptions {
  readonly apply?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
  readonly utc?: boolean;
}

export function build(context: Context): Command {
  const command = readingOptions(
    new Command('retain')
      .description(
        'Shows what `retention` in config.yaml would have removed now: old entries, whole segments at a time, and keys of payloads. Changes nothing without --apply. The hashes of removed entries stay, so the log still verifies; what the entries said is gone for ever.',
      )
      .option('--apply', 'remove it')
      .option('--reason <text>', 'with --apply: recorded with it'),
  ).addHelpText('after', HELP);
  return examples(command, [
    ['tally retain', 'what would go, and what stands against it'],
    ['tally retain --apply --reason "yearly"', 'remove it now'],
    ['tally hold add --run run_01J… --reason "case 12"', 'keep what a case needs'],
  ]).action((options: RetainOptions) =>
    options.apply === true ? apply(context, options) : show(context, options),
  );
}

const HELP = `
In config.yaml:
  retention:
    entries: { days: 365, bytes: 20GB, at_least_days: 30 }
    payloads: { prompt: 30, "*": 90 }
    anchored: true

\`tally up\` removes what is due once an hour. Never removed: the newest segment,
what no signature covers, what a hold covers (tally hold), what an action that is
still open needs, and with \`anchored\` what an anchor has not seen.
In --json: configured, entries {from, to, segments, bytes, pack_bytes, oldest,
kept_from, blocked [{kind, what, hold_id}]}, payloads [{class, days, keys, held}],
holds, next, failure; with --apply: state, entries with entry, payloads.`;

async function show(context: Context, { json, utc = false }: RetainOptions): Promise<void> {
  const plan = await planNow(context);
  if (json === true) return context.stdout.line(toJson(plan));
  for (const line of factLines(planFacts(plan, { utc }), context.stdout)) await context.stdout.line(line);
  const { entries, payloads } = plan;
  const due = entries.to > entries.from || payloads.some(({ keys }) => keys > 0);
  if (!isSet(plan.configured))
    await context.stderr.line(
      hintLine(
        'nothing is ever removed: `retention` in config.yaml says how long; see tally retain --help',
        context.stderr,
      ),
    );
  else if (due)
    await context.stderr.line(hintLine('nothing was removed: tally retain --apply', context.stderr));
}

/** The recorder that runs is asked; without one the files are looked at, and nothing is started. */
export async function planNow(context: Context): Promise<RetentionPlan> {
  const told = await askRunning(context, (ask) => ask('retain.plan', {}));
  if (told !== undefined) return told;
  const [{ planWithoutRecorder }, { lastReceipt }] = await Promise.all([
    import('../../open/retention-look.ts'),
    import('../../open/last-receipt.ts'),
  ]);
  const { paths } = context;
  const { retention = {}, anchors } = loadConfig(paths.configFile);
  const { directory } = await context.openReader();
  const sizes = await Promise.all(
    anchors.map(async ({ name }) => (await lastReceipt(directory, name))?.size ?? 0),
  );
  return planWithoutRecorder(
    paths,
    retention,
    sizes.length === 0 ? undefined : Math.min(...sizes),
    context.now(),
  );
}

async function apply(context: Context, { json, reason }: RetainOptions): Promise<void> {
  const done = await asOperator(context, async (ask) => {
    // The writer answers within seconds what is done by then, so it is asked until all of it is.
    const deadline = performance.now() + LIMITS.retainEveryMs;
    let answer: RetentionDone;
    do answer = await ask('retain.apply', reason === undefined ? {} : { reason });
    while (answer.state === 'running' && performance.now() < deadline);
    return answer;
  });
  const { stdout } = context;
  if (json === true) return stdout.line(toJson(done));
  const { entries, payloads = [] } = done;
  if (entries === undefined)
    return stdout.line('it goes on in the recorder; tally retain shows what is left');
  const named = entries.entry === undefined ? '' : `, named by entry ${entries.entry}`;
  await stdout.line(
    entries.entry === undefined ? 'entries: nothing was due' : `removed ${entriesText(entries)}${named}`,
  );
  for (const { what } of entries.blocked) await stdout.line(`stays: ${safe(what)}`);
  for (const due of payloads) await stdout.line(`payloads: ${payloadsText(due)}`);
}
