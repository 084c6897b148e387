import { Command } from 'commander';
import { TallyError } from '../../core/error.ts';
import { KILL_SCOPE } from '../../core/governance/kill.ts';
import type { Context } from '../context.ts';
import { counted } from '../facts.ts';
import { examples, readingOptions } from '../help.ts';
import { killSwitches } from '../kill.ts';
import { unlockIfAsked } from '../operator/prompt.ts';
import { safe, toJson } from '../output/safe.ts';
import { layOut } from '../output/table.ts';
import { formatRecent } from '../output/time.ts';
import { wrap } from '../output/width.ts';
import { doubtOf } from './kill-named.ts';

interface SetOptions {
  readonly scope: string;
  readonly reason: string;
  readonly json?: boolean;
}

const SCOPE = 'global, tenant, agent:NAME, tool:NAME, or writes (calls that change something)';

export function build(context: Context): Command {
  const command = examples(
    new Command('kill').description(
      'Switches agents off: from the next call on, everywhere. Runs are refused, and calls that are under way are ended. An entry of the log, with who did it and why.',
    ),
    [
      ['tally kill on --scope global --reason "what is it doing?"', 'everything stops'],
      ['tally kill on --scope agent:billing-tool --reason "odd refunds"', 'one agent, and whoever it sends'],
      ['tally kill on --scope writes --reason "deploy freeze"', 'reading goes on'],
      ['tally kill status', 'what is off, since when, and why'],
      ['tally kill off --scope global --reason "looked into it"', 'on again'],
    ],
  );
  for (const [name, on, about] of [
    ['on', true, 'Stops what the scope names. Needs no passphrase; agents may not do it.'],
    ['off', false, 'Lets it go on again. For the operator.'],
  ] as const) {
    command
      .command(name)
      .description(about)
      .requiredOption('--scope <scope>', SCOPE)
      .requiredOption('--reason <text>', 'recorded with it')
      .option('--json', 'one JSON document')
      .action((options: SetOptions) => set(context, on, options));
  }
  readingOptions(
    command.command('status').description('What is switched off. Exit code 0 also when something is.'),
  ).action((options: { json?: boolean; utc?: boolean }) => status(context, options));
  return command;
}

async function set(context: Context, on: boolean, { scope, reason, json }: SetOptions): Promise<void> {
  if (!KILL_SCOPE.test(scope))
    throw new TallyError('USAGE', `there is no scope ${scope}, and nothing was switched`, {
      hint: `--scope is one of ${SCOPE}`,
    });
  if (!on) await unlockIfAsked(context);
  const session = await context.openSession();
  try {
    const done = await session.ask('kill.set', { scope, on, reason });
    // Asked when it is off already: nothing of this may be in the way.
    const doubt = on ? await doubtOf(context, session, scope) : undefined;
    if (doubt !== undefined) context.warn(doubt);
    if (json === true) return await context.stdout.line(toJson(done));
    const what = safe(scope);
    if (!done.changed) await context.stdout.line(`${what} was switched ${on ? 'off' : 'on'} before`);
    else if (on)
      await context.stdout.say(
        [
          `${what} is switched off from the next call on`,
          ...(done.aborted === 0 ? [] : [`${counted(done.aborted, 'call')} under way ended`]),
          // What a program makes of it stands in the log: nothing in it can be ended from outside.
          ...(done.told === 0 ? [] : [`${counted(done.told, 'action')} of programs told to end`]),
        ].join('; '),
      );
    else await context.stdout.line(`${what} is switched on again`);
    if (on)
      await context.stderr.say(
        `To end it: tally kill off --scope ${what} --reason "…"`,
        context.stderr.style.dim,
      );
  } finally {
    await session.close();
  }
}

async function status(
  context: Context,
  { json, utc = false }: { readonly json?: boolean; readonly utc?: boolean },
): Promise<void> {
  const { stdout, stderr, now } = context;
  const switches = await killSwitches(context);
  if (json === true) return stdout.line(toJson({ switches }));
  if (switches.length === 0) return stderr.line('Nothing is switched off.');
  const rows = switches.map(({ scope, since, by = '?' }) => [
    { text: safe(scope), paint: stdout.style.red },
    { text: formatRecent(since, now(), { utc }) },
    { text: safe(by) },
  ]);
  const layout = layOut(
    [{ header: 'OFF', shrinkTo: 8, cut: 'middle' }, { header: 'SINCE' }, { header: 'BY', shrinkTo: 4 }],
    rows,
    stdout.width,
  );
  await stdout.line(layout.header(stdout.style.dim));
  for (const [i, row] of rows.entries()) {
    await stdout.line(layout.row(row));
    const reason = switches[i]?.reason;
    const room = stdout.width === undefined ? undefined : Math.max(20, stdout.width - 2);
    if (reason !== undefined) for (const line of wrap(safe(reason), room)) await stdout.line(`  ${line}`);
  }
  await stderr.say('To end it: tally kill off --scope SCOPE --reason "…"', stderr.style.dim);
}
