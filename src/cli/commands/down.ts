import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { TallyError } from '../../core/error.ts';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { toJson } from '../output/safe.ts';
import { askRunning } from '../running.ts';

/** Above what `tally up` gives itself to close. */
const LONGEST_MS = 25_000;
const LOOK_MS = 50;

export function build(context: Context): Command {
  return examples(
    new Command('down')
      .description('Ends what `tally up` started: calls under way have 10 s to end, and the log is closed.')
      .option('--json', 'one JSON document'),
    [['tally down', 'wherever it was started']],
  ).action((options: { json?: boolean }) => down(context, options));
}

/** Resolves when it is gone. One that nobody answers for is not looked for: a pid alone may be anybody's by now. */
async function down(context: Context, { json }: { json?: boolean }): Promise<void> {
  if (context.agent !== undefined || context.env.TALLY_RUN_TOKEN !== undefined)
    throw new TallyError('OPERATOR_REQUIRED', 'an agent does not end what records it', {
      hint: 'ask the operator to run: tally down',
    });
  const running = await askRunning(context, (ask) => ask('hello', {}));
  if (running === undefined)
    throw new TallyError('NOT_FOUND', 'no recorder runs', { hint: 'start one: tally up' });
  const { pid, proxy_of: of } = running;
  if (of === 'run')
    throw new TallyError('USAGE', `the recorder that runs (pid ${pid}) belongs to a \`tally run\``, {
      hint: 'it ends with the command of that run',
    });
  signal(pid);
  const deadline = performance.now() + LONGEST_MS;
  while (alive(pid)) {
    if (performance.now() > deadline)
      throw new TallyError('RECORDER_UNAVAILABLE', `pid ${pid} did not end within ${LONGEST_MS / 1000} s`, {
        hint: `look at what it prints; kill -9 ${pid} ends it, and the next start repairs the log`,
      });
    await pause(LOOK_MS);
  }
  await context.stdout.line(json === true ? toJson({ pid, ended: true }) : `ended: pid ${pid}`);
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ESRCH') return;
    throw new TallyError('USAGE', `pid ${pid} cannot be ended from here`, { hint: `kill ${pid}`, cause });
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
