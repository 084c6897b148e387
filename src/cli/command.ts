import type { Command } from 'commander';
import type { Context } from './context.ts';

export interface CommandModule {
  /**
   * `all`: every command there is, for the one that has to know. `words`: what was typed after its name; a group loads the
   * one that they name, and all of them without.
   */
  build(
    context: Context,
    all?: readonly CommandEntry[],
    words?: readonly string[],
  ): Command | Promise<Command>;
}

export interface CommandEntry {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly group: 'Record:' | 'Read:' | 'Manage:';
  load(): Promise<CommandModule>;
}
