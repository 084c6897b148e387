import { Command } from 'commander';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import { safe, toJson } from '../../output/safe.ts';

interface AcknowledgeOptions {
  readonly reason: string;
  readonly json?: boolean;
}

export function buildAcknowledge(context: Context): Command {
  const command = new Command('acknowledge')
    .description(
      'After a crash, lines at the end of the log that are not whole are moved to entries/*.torn-*, never deleted. `tally verify` tells of them until a person has looked and says so; that is an entry of the log too.',
    )
    .argument('<name>', 'the file, as `tally verify` names it')
    .requiredOption('--reason <text>', 'what you found')
    .option('--json', 'one JSON document');
  return examples(command, [
    [
      'tally log acknowledge 000000000000.jsonl.torn-0 --reason "power cut, half a line"',
      'after looking at the file',
    ],
  ]).action((name: string, options: AcknowledgeOptions) => acknowledge(context, name, options));
}

async function acknowledge(
  context: Context,
  name: string,
  { reason, json }: AcknowledgeOptions,
): Promise<void> {
  const session = await context.openSession();
  try {
    const { id } = await session.ask('log.acknowledge', { name, reason });
    if (json === true) await context.stdout.line(toJson({ id, acknowledges: name }));
    else await context.stdout.line(`acknowledged ${safe(name)} (${id})`);
  } finally {
    await session.close();
  }
}
