import { type Command, InvalidArgumentError } from 'commander';
import { wrap } from './output/width.ts';

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

/** A port to listen on; 0 takes any that is free. */
export function portNumber(text: string): number {
  const n = Number(text);
  if (!/^\d{1,5}$/.test(text) || n > 65_535)
    throw new InvalidArgumentError('It has to be a number from 0 (any) to 65535.');
  return n;
}

/** `  term    what it does`, as options, commands and examples have it. */
const ITEM = /^( {2}\S.*?) {2,}(\S.*)$/;
const BELOW = ' '.repeat(6);

/**
 * Help for a terminal of `width` columns: no word is broken. Of an item that does not fit into a line the text stands
 * below it; a paragraph with a line that does not fit is set anew. What fits stays as it is.
 */
export function foldHelp(text: string, width: number | undefined): string {
  if (width === undefined) return text;
  const folded: string[] = [];
  let paragraph: string[] = [];
  const end = (): void => {
    const fits = paragraph.every((line) => line.length <= width);
    folded.push(...(fits ? paragraph : wrap(paragraph.join(' '), width)));
    paragraph = [];
  };
  for (const line of text.split('\n')) {
    if (/^\S/.test(line)) paragraph.push(line);
    else {
      end();
      folded.push(...(line.length <= width ? [line] : foldedItem(line, width)));
    }
  }
  end();
  return folded.join('\n');
}

function foldedItem(line: string, width: number): string[] {
  const [, term, what] = ITEM.exec(line) ?? [];
  if (term === undefined || what === undefined) {
    const indent = /^ */.exec(line)?.[0] ?? '';
    return wrap(line.trimStart(), width - indent.length).map((part) => indent + part);
  }
  const [first = '', ...more] = wrap(term.trimStart(), width - 4);
  return [
    `  ${first}`,
    ...more.map((part) => `    ${part}`),
    ...wrap(what, width - BELOW.length).map((part) => BELOW + part),
  ];
}
