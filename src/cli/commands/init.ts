import { join } from 'node:path';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { factLines } from '../facts.ts';
import { examples } from '../help.ts';
import { readHidden } from '../input.ts';
import { PASSPHRASE } from '../operator/prompt.ts';
import { openOperator } from '../operator.ts';
import { toJson } from '../output/safe.ts';
import { openConfiguredSession } from '../session.ts';
import { setUp } from '../setup.ts';
import { MEANING } from './operator.ts';

export function build(context: Context): Command {
  return examples(
    new Command('init')
      .description(
        'Makes the directories, the keys, a policy that allows no host yet, and the log. Safe to repeat.',
      )
      .option('--json', 'one JSON document'),
    [
      ['tally init', 'set up this machine; asks for an operator passphrase on a terminal'],
      ['TALLY_HOME=./here tally init', 'everything under one directory (containers, trials)'],
    ],
  ).action((options: { json?: boolean }) => init(context, options.json === true));
}

async function init(context: Context, json: boolean): Promise<void> {
  const { paths, stdout, stderr } = context;
  const made = setUp(paths);
  const isProtected = await offerPassphrase(context, json);
  // What the note of a first start would say stands below.
  const session = await openConfiguredSession(context, await context.client(), { note: false });
  const status = await session.ask('checkpoint', {}).then(() => session.ask('status', {}));
  await session.close('init');
  const { directory } = await context.openReader();
  const operator = openOperator(paths).state().kind;
  if (json) {
    await stdout.line(
      toJson({
        created: made.first,
        log: directory,
        policy_file: paths.policyFile,
        keys: paths.keys,
        origin: status.origin,
        vkey: status.vkey,
        operator: { protected: operator === 'locked' || operator === 'unlocked' },
      }),
    );
    return;
  }
  const passphrase = operator === 'open' ? 'no passphrase (tally operator protect)' : 'under a passphrase';
  for (const line of factLines(
    [
      ['log', directory],
      ['policy', `${paths.policyFile}${made.policy ? ' (allows no host yet)' : ''}`],
      ['keys', `${join(paths.keys)}  (0600: keep a copy somewhere safe)`],
      ['verifier', status.vkey],
      ['operator', passphrase],
    ],
    stdout,
  ))
    await stdout.line(line);
  const { dim, bold } = stderr.style;
  await stderr.line('');
  await stderr.line(
    made.first
      ? 'This machine is set up. Next:'
      : `This machine was set up before; nothing ${isProtected ? 'but the passphrase ' : ''}was changed. Next:`,
  );
  for (const [line, what] of [
    ['tally policy allow api.example.com', 'allow a host'],
    ['tally secrets set NAME', 'store a credential'],
    ['tally up', 'start the broker'],
    ['tally demo', 'watch a recorded session first'],
  ] as const)
    await stderr.line(`  ${bold(line.padEnd(36))} ${dim(what)}`);
}

/** Only a person can be asked, and until there is a passphrase: whether one was set. */
async function offerPassphrase(context: Context, json: boolean): Promise<boolean> {
  const operator = openOperator(context.paths);
  const refused = json || !context.interactive || context.env.TALLY_RUN_TOKEN !== undefined;
  if (refused || operator.state().kind !== 'open') return false;
  for (const line of MEANING) await context.stderr.say(line);
  const answer = await readHidden(context, {
    ...PASSPHRASE,
    what: 'an operator passphrase (Enter skips)',
    pipe: 'tally operator protect < passphrase-file',
    confirm: true,
    optional: true,
  });
  if (answer.length === 0) {
    await context.stderr.say(
      'Skipped: any program that runs as you can change the policy. Later: tally operator protect',
    );
    return false;
  }
  await operator.protect(answer.toString('utf8'));
  return true;
}
