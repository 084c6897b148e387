/** What may come next on a command line: commands, subcommands, options, and names of stored secrets. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { CommandEntry } from '../../command.ts';
import type { Context } from '../../context.ts';

export interface Candidate {
  readonly word: string;
  readonly about: string;
}

/** `words`: after the program's name; the last one is being typed and may be empty. */
export async function complete(
  context: Context,
  all: readonly CommandEntry[],
  words: readonly string[],
): Promise<readonly Candidate[]> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  // What follows "--" belongs to another program.
  if (before.includes('--')) return [];
  return (await candidates(context, all, before)).filter(({ word }) => word.startsWith(typed));
}

async function candidates(
  context: Context,
  all: readonly CommandEntry[],
  before: readonly string[],
): Promise<readonly Candidate[]> {
  const [name, ...rest] = before;
  if (name === undefined || name === 'help')
    return all.map((entry) => ({ word: entry.name, about: entry.summary }));
  const entry = all.find((known) => known.name === name);
  if (entry === undefined) return [];
  let command = await (await entry.load()).build(context, all, rest);
  for (const word of rest) command = command.commands.find((child) => child.name() === word) ?? command;
  const option = command.options.find(({ long, short }) => long === before.at(-1) || short === before.at(-1));
  if (option?.required === true) return takesKey(option.flags) ? secretNames(context) : [];
  const keys =
    name === 'secrets' && command.registeredArguments[0]?.name() === 'key' ? secretNames(context) : [];
  return [...subcommands(command), ...keys, ...options(command)];
}

function takesKey(flags: string): boolean {
  return flags.endsWith('<key>');
}

function subcommands(command: Command): readonly Candidate[] {
  return command.commands.map((child) => ({
    word: child.name(),
    about: child.summary() || firstSentence(child.description()),
  }));
}

function options(command: Command): readonly Candidate[] {
  return command.options.flatMap(({ long, description }) =>
    long == null ? [] : [{ word: long, about: description }],
  );
}

function firstSentence(text: string): string {
  return text.split('. ')[0] ?? '';
}

/** The vault's names are readable without its key; whatever is wrong with the file is no business of a completion. */
function secretNames({ paths }: Context): readonly Candidate[] {
  try {
    const file = JSON.parse(readFileSync(join(paths.vault, 'secrets.vault'), 'utf8')) as {
      records?: unknown;
    };
    const records = Array.isArray(file.records) ? (file.records as { name?: unknown }[]) : [];
    return records.flatMap(({ name }) => (typeof name === 'string' ? [{ word: name, about: 'secret' }] : []));
  } catch {
    return [];
  }
}
