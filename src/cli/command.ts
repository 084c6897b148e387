import type { Command } from 'commander';
import type { Context } from './context.ts';

export interface CommandModule {
  /** `all`: every command there is, for the one that has to know. */
  build(context: Context, all?: readonly CommandEntry[]): Command;
}

export interface CommandEntry {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly group: 'Record:' | 'Read:' | 'Manage:';
  load(): Promise<CommandModule>;
}
