/** Tests and second tries: through the recorder that runs, and without one as the writer itself. */
import type { AlertTest } from '../../../core/alert/state.ts';
import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';

const FAILED = 1;

interface SendOptions {
  readonly json?: boolean;
}

export async function test(
  context: Context,
  destination: string | undefined,
  { json }: SendOptions,
): Promise<void> {
  const { tests } = await asOperator(context, (ask) =>
    ask('alert.test', destination === undefined ? {} : { destination }),
  );
  if (tests.some(({ outcome }) => outcome !== 'delivered')) context.exit(FAILED);
  if (json === true) return context.stdout.line(toJson({ tests }));
  if (tests.length === 0)
    return context.stderr.line(
      'No destination is configured, and no `tally up` runs that could show it: docs/alerts.md shows how',
    );
  await print(context, tests);
}

export async function retry(
  context: Context,
  destination: string | undefined,
  { json }: SendOptions,
): Promise<void> {
  const { tried } = await asOperator(context, (ask) =>
    ask('alert.retry', destination === undefined ? {} : { destination }),
  );
  if (tried.some(({ outcome }) => outcome !== 'delivered')) context.exit(FAILED);
  if (json === true) return context.stdout.line(toJson({ tried }));
  if (tried.length === 0)
    return context.stderr.line('Every alert was delivered: there is nothing to try again.');
  await print(context, tried);
}

async function print({ stdout }: Context, ends: readonly AlertTest[]): Promise<void> {
  const { green, yellow, red } = stdout.style;
  for (const { destination, outcome, message } of ends) {
    const name = safe(destination);
    if (outcome === 'delivered') await stdout.line(`${green('✔')} ${name}: taken`);
    else if (outcome === 'waiting')
      await stdout.line(`${yellow('…')} ${name}: no answer yet; \`tally up\` goes on trying`);
    else await stdout.line(`${red('✖')} ${name}: ${safe(message ?? 'it failed')}`);
  }
}
