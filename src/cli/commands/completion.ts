import { Command } from 'commander';
import { TallyError } from '../../core/error.ts';
import type { CommandEntry } from '../command.ts';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { SCRIPTS } from './completion/scripts.ts';
import { complete } from './completion/words.ts';

export function build(context: Context, all: readonly CommandEntry[] = []): Command {
  const command = examples(
    new Command('completion').description('Completion for a shell: prints what it has to read.'),
    [
      ['source <(tally completion bash)', 'in ~/.bashrc'],
      ['source <(tally completion zsh)', 'in ~/.zshrc, after compinit'],
      ['tally completion fish | source', 'in config.fish'],
    ],
  );
  command
    .argument('<shell>', 'bash, zsh or fish')
    // What a shell asks with every press of Tab: the words so far, the last one unfinished.
    .argument('[words...]')
    .passThroughOptions()
    .action(async (shell: string, words: readonly string[]) => {
      if (shell === 'words') {
        const typed = words[0] === '--' ? words.slice(1) : words;
        for (const { word, about } of await complete(context, all, typed))
          await context.stdout.line(`${word}\t${about}`);
        return;
      }
      const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
      if (script === undefined) {
        throw new TallyError('USAGE', `no completion for ${shell}`, { hint: 'there is bash, zsh and fish' });
      }
      await context.stdout.write(script);
    });
  return command;
}
