import { Command } from 'commander';
import { TallyError } from '../../core/error.ts';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { readHidden } from '../input.ts';
import { askPassphrase, asOperator, PASSPHRASE, unlockIfAsked } from '../operator/prompt.ts';
import { openOperator } from '../operator.ts';
import { toJson } from '../output/safe.ts';
import { formatRecent } from '../output/time.ts';
import { setUp } from '../setup.ts';

/** What a passphrase is for, and what it is not. */
export const MEANING = [
  'A passphrase keeps programs that run as you from changing policy and tokens unnoticed.',
  'It is a tripwire: a separate user or machine is a boundary.',
] as const;

export function build(context: Context): Command {
  const command = examples(
    new Command('operator').description(
      'The operator secret: policy changes, agent tokens and approvals need it. With a passphrase it is unlocked per terminal for 10 minutes.',
    ),
    [
      ['tally operator status', 'is there a passphrase, and is it unlocked here?'],
      ['tally operator protect', 'set a passphrase, or another one'],
      ['tally operator unlock', 'give it, for this terminal'],
      ['tally operator unlock < FILE', 'the same in a script'],
    ],
  );
  command
    .command('protect')
    .description('Sets the operator passphrase, or another one.')
    .action(() => protect(context));
  command
    .command('unprotect')
    .description('Takes the passphrase off.')
    .action(() => unprotect(context));
  command
    .command('unlock')
    .description(
      'Takes the passphrase (hidden prompt or standard input) and unlocks this terminal for 10 minutes.',
    )
    .action(() => unlock(context));
  command
    .command('lock')
    .description('Ends the unlock of this terminal.')
    .action(async () => {
      openOperator(context.paths).lock();
      await context.stderr.line('Locked in this terminal.');
    });
  command
    .command('status')
    .description('Whether a passphrase is set and unlocked here.')
    .option('--json', 'one JSON document')
    .action((options: { json?: boolean }) => status(context, options.json === true));
  return command;
}

/** Puts the change on record before it is made; for an agent the writer refuses it, and records that. */
function announce(context: Context, change: 'protect' | 'unprotect' | 'unlock'): Promise<unknown> {
  return asOperator(context, (ask) => ask('operator.change', { change }));
}

function isAgent(context: Context): boolean {
  return context.env.TALLY_RUN_TOKEN !== undefined || context.agent !== undefined;
}

async function protect(context: Context): Promise<void> {
  setUp(context.paths);
  if (!isAgent(context)) await requireUnlocked(context);
  const passphrase = isAgent(context) ? '' : await askNewPassphrase(context);
  await announce(context, 'protect');
  await openOperator(context.paths).protect(passphrase);
  await context.stderr.line('The operator passphrase is set. Unlock a terminal with: tally operator unlock');
}

async function unprotect(context: Context): Promise<void> {
  if (!isAgent(context)) await requireUnlocked(context);
  await announce(context, 'unprotect');
  openOperator(context.paths).unprotect();
  await context.stderr.line(
    'The operator secret has no passphrase any more: any program that runs as you can use it.',
  );
}

async function unlock(context: Context): Promise<void> {
  if (isAgent(context)) await announce(context, 'unlock');
  const operator = openOperator(context.paths);
  if (operator.state().kind === 'none' || operator.state().kind === 'open') {
    throw new TallyError('USAGE', 'no operator passphrase is set, so there is nothing to unlock', {
      hint: 'set one: tally operator protect',
    });
  }
  const { until } = await operator.unlock(await askPassphrase(context));
  await context.stderr.line(`Unlocked in this terminal until ${clock(until, context)}.`);
}

async function requireUnlocked(context: Context): Promise<void> {
  await unlockIfAsked(context);
  if (openOperator(context.paths).state().kind !== 'locked') return;
  throw new TallyError('OPERATOR_REQUIRED', 'a passphrase is set, and it is not unlocked in this terminal', {
    hint: 'tally operator unlock',
  });
}

export async function askNewPassphrase(context: Context): Promise<string> {
  const answer = await readHidden(context, {
    ...PASSPHRASE,
    confirm: true,
    what: 'a new operator passphrase',
    pipe: 'tally operator protect < passphrase-file',
  });
  return answer.toString('utf8');
}

function clock(ms: number, context: Context): string {
  return formatRecent(new Date(ms).toISOString(), context.now(), { utc: false }).slice(0, 8);
}

async function status(context: Context, json: boolean): Promise<void> {
  const state = openOperator(context.paths).state();
  if (json) {
    const until = state.kind === 'unlocked' ? { until: new Date(state.until).toISOString() } : {};
    await context.stdout.line(
      toJson({
        protected: state.kind === 'locked' || state.kind === 'unlocked',
        state: state.kind,
        ...until,
      }),
    );
    return;
  }
  switch (state.kind) {
    case 'none':
      return context.stdout.line('There is no operator secret yet. `tally init` makes one.');
    case 'open':
      return context.stdout.line(
        `No passphrase is set. ${MEANING.join(' ')}\nSet one: tally operator protect`,
      );
    case 'locked':
      return context.stdout.line(
        'A passphrase is set; locked in this terminal. Unlock it: tally operator unlock',
      );
    case 'unlocked':
      return context.stdout.line(
        `A passphrase is set; unlocked in this terminal until ${clock(state.until, context)}.`,
      );
  }
}
