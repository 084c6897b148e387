import { safe } from '../../output/safe.ts';
import type { Output } from '../../output/stream.ts';
import { type DiffLine, diffLines, hunks } from '../policy/text-diff.ts';

/** What is changed in a file, line by line. The token stands in none of it. */
export async function printDiff(
  stdout: Output,
  path: string,
  before: string | undefined,
  after: string | undefined,
  token: string,
): Promise<void> {
  const { style } = stdout;
  const paints: Readonly<Record<DiffLine['mark'], (text: string) => string>> = {
    ' ': (text) => text,
    '-': style.red,
    '+': style.green,
  };
  const masked = (text: string | undefined): string =>
    (text ?? '').replaceAll(token, 'hok_…').replaceAll(/hok_[A-Za-z0-9_-]{43}/g, 'hok_…');
  await stdout.line(style.bold(`${before === undefined ? 'new file' : 'changes in'} ${safe(path)}`));
  const lines = diffLines(masked(before).replace(/\n$/, ''), masked(after).replace(/\n$/, ''));
  for (const line of hunks(lines.filter(({ text, mark }) => mark === ' ' || text !== '')))
    await stdout.line(
      line === undefined ? style.dim('…') : paints[line.mark](`${line.mark} ${safe(line.text)}`),
    );
}
