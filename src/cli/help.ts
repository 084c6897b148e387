import { type Command, InvalidArgumentError } from 'commander';

/** Examples before everything else: [command line, what it does]. */
export function examples(
  command: Command,
  lines: readonly (readonly [line: string, what: string])[],
): Command {
  const width = lines.reduce((most, [line]) => Math.max(most, line.length), 0);
  const text = lines.map(([line, what]) => `  ${line.padEnd(width)}   ${what}`).join('\n');
  return command.addHelpText('before', `Examples:\n${text}\n`);
}

/** `--json` and `--utc` as every reading command has them. */
export function readingOptions(command: Command): Command {
  return command.option('--json', 'one JSON document').option('--utc', 'times in UTC, not in the local zone');
}

/** A value parser for commander: a whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < least) {
      throw new InvalidArgumentError(`It has to be a whole number of at least ${least}.`);
    }
    return n;
  };
}
