/** The subcommands for Claude Code of `tally install` and `tally uninstall`. */
import { Command } from 'commander';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import type { HookOptions } from './claude-code.ts';

const scoped = (command: Command): Command =>
  command
    .option('--user', 'all projects of this user: ~/.claude/settings.json (default)')
    .option('--project', 'this directory, shared: .claude/settings.json')
    .option('--local', 'this directory, for you alone: .claude/settings.local.json')
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--json', 'one JSON document');

export function installClaudeCode(context: Context): Command {
  const command = scoped(
    new Command('claude-code')
      .summary('hooks in Claude Code: record and decide what it does')
      .description(
        'Puts hooks into the settings of Claude Code: each prompt, tool call and subagent is recorded, and the policy decides about a tool before it runs (docs/claude-code.md). What others put there stays.',
      ),
  )
    .option('--closed', 'block prompts and tools while the recorder does not answer')
    .action(async (options: HookOptions) => {
      const { installHooks } = await import('./claude-code.ts');
      await installHooks(context, options);
    });
  return examples(command, [
    ['tally install claude-code', 'for every project of yours'],
    ['tally install claude-code --closed', 'no record, no tool'],
    ['tally install claude-code --project --dry-run', 'show what would change'],
    ['tally uninstall claude-code', 'and out again'],
  ]);
}

export function uninstallClaudeCode(context: Context): Command {
  const command = scoped(
    new Command('claude-code')
      .summary('takes the hooks out of Claude Code')
      .description('Takes out of the settings of Claude Code exactly what the install put in.'),
  ).action(async (options: HookOptions) => {
    const { uninstallHooks } = await import('./claude-code-uninstall.ts');
    await uninstallHooks(context, options);
  });
  return examples(command, [
    ['tally uninstall claude-code', 'as it was installed'],
    ['tally uninstall claude-code --project', 'of this directory'],
  ]);
}
