import { Command } from 'commander';
import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import { safe, toJson } from '../../output/safe.ts';
import { tornFiles } from '../../verify-files.ts';
import { tornNames } from './torn-names.ts';

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
  await requireSetAside(context, name);
  const session = await context.openSession();
  try {
    const { id } = await session.ask('log.acknowledge', { name, reason });
    if (json === true) await context.stdout.line(toJson({ id, acknowledges: name }));
    else await context.stdout.line(`acknowledged ${safe(name)} (${id})`);
  } finally {
    await session.close();
  }
}

/** An acknowledgement is for ever: of a name that was mistyped it would settle nothing, and look as if it did. */
async function requireSetAside(context: Context, name: string): Promise<void> {
  const { directory, reader } = await context.openReader();
  if ((await tornFiles(directory, () => undefined)).has(name)) return;
  const { known, open } = await tornNames(directory, reader);
  if (known.includes(name)) return;
  const settled = known.length === 0 ? 'nothing was set aside in it' : 'all of them are acknowledged';
  throw new TallyError('NOT_FOUND', `${name} is no file that was set aside in this log`, {
    hint:
      open.length === 0
        ? `there is nothing to acknowledge: ${settled}`
        : `name one of these: ${open.join(', ')}`,
  });
}
