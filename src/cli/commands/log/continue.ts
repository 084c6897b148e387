import { join } from 'node:path';
import { Command } from 'commander';
import { quoted } from '../../command-line.ts';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import { safe, toJson } from '../../output/safe.ts';

interface ContinueOptions {
  readonly reason: string;
  readonly json?: boolean;
}

export function buildContinue(context: Context): Command {
  const command = new Command('continue')
    .description(
      'For a log that was restored from a backup or damaged and that the recorder therefore refuses. Starts a new log whose first entry cites the old head and the loss. The old log stays as it is, and verifies as what it is.',
    )
    .requiredOption('--reason <text>', 'what happened, for whoever reads the log later')
    .option('--json', 'one JSON document');
  return examples(command, [
    ['tally log continue --reason "disk died, restored the backup of Monday"', 'after an honest restore'],
  ]).action((options: ContinueOptions) => continueNow(context, options));
}

async function continueNow(context: Context, { reason, json }: ContinueOptions): Promise<void> {
  const { continueLog } = await import('../../../open/continue.ts');
  const client = await context.client();
  const { name, origin, cites } = await continueLog(context.paths, {
    reason,
    client,
    onWarning: context.warn,
  });
  const { stdout } = context;
  if (json === true) return stdout.line(toJson({ name, origin, cites }));
  await stdout.line(`the log goes on as ${safe(name)} (${safe(origin)})`);
  await stdout.line(`its first entry cites ${safe(cites.origin)} and why: ${safe(cites.reason)}`);
  const old = quoted(join(context.paths.logs, cites.log));
  await stdout.line(`the old one stays; this still judges it: tally verify --dir ${safe(old)}`);
}
