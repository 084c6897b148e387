import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';

export function build(context: Context): Command {
  const command = new Command('claude-code')
    .summary('posts one hook of Claude Code to the recorder')
    .description(
      'Reads what Claude Code hands to a hook on standard input and posts it to the recorder. `tally install claude-code` writes it into the settings; nobody has to type it.',
    )
    .action(async () => {
      const { postHook } = await import('./hook/claude-code.ts');
      await postHook(context);
    });
  examples(command, [['tally hook claude-code < input.json', 'what a hook does']]);
  return new Command('hook').description('What hooks of other programs run.').addCommand(command);
}
