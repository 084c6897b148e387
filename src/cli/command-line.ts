/** The command line that was typed, with something changed: for hints that can be copied. */
import type { Command } from 'commander';

const PLAIN = /^[\w@%+=:,./-]+$/;

/** For a POSIX shell. */
export function quoted(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** `changed` replaces options by their attribute name; what was not typed is left out. Arguments are kept. */
export function commandLine(
  command: Command,
  changed: Readonly<Record<string, string | number | undefined>>,
): string {
  const words: string[] = [];
  for (const option of command.options) {
    const name = option.attributeName();
    const flag = option.long ?? option.short ?? '';
    const typed = command.getOptionValueSource(name) === 'cli' ? command.getOptionValue(name) : undefined;
    const value: unknown = Object.hasOwn(changed, name) ? changed[name] : typed;
    if (value === undefined || value === false) continue;
    if (value === true) words.push(flag);
    else if (Array.isArray(value)) words.push(flag, ...value.map((each) => quoted(String(each))));
    else words.push(flag === '--limit' ? '-n' : flag, quoted(String(value)));
  }
  return [...namesOf(command), ...command.args.map(quoted), ...words].join(' ');
}

function namesOf(command: Command): readonly string[] {
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  return names;
}
