/** Four ways to cheat, each done to a copy of a log with nothing but a text editor's powers. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant } from '../../../core/error.ts';

export interface Trick {
  readonly title: string;
  apply(copy: string): Promise<void>;
}

interface Places {
  /** Index of the entry that says how the failed call ended. */
  readonly failed: number;
  /** Index of the entry that says that a call was stopped. */
  readonly stopped: number;
  /** A copy of the log from before the run, with its signed checkpoint. */
  readonly older: string;
}

export function tricks({ failed, stopped, older }: Places): readonly Trick[] {
  return [
    {
      title: `edit: the failed refund becomes a success (entry ${failed}: 500 → 200)`,
      apply: (copy) =>
        editLines(copy, (lines) =>
          lines.map((line, i) =>
            i === failed ? line.replace('"status_code":500', '"status_code":200') : line,
          ),
        ),
    },
    {
      title: `delete: the attempt that was stopped never happened (entry ${stopped} is gone)`,
      apply: (copy) => editLines(copy, (lines) => lines.filter((_, i) => i !== stopped)),
    },
    {
      title: `swap: two entries change places (${stopped} and ${stopped + 1})`,
      apply: (copy) =>
        editLines(copy, (lines) => {
          const [a = '', b = ''] = lines.slice(stopped, stopped + 2);
          return lines.with(stopped, b).with(stopped + 1, a);
        }),
    },
    {
      title: 'roll back: the log as it was before the run, with its own valid signature, is put in its place',
      async apply(copy) {
        await rm(copy, { recursive: true });
        await cp(older, copy, { recursive: true });
      },
    },
  ];
}

async function editLines(copy: string, edit: (lines: readonly string[]) => readonly string[]): Promise<void> {
  const path = join(copy, 'entries', '000000000000.jsonl');
  const before = await readFile(path, 'utf8');
  const lines = before.trimEnd().split('\n');
  const after = `${edit(lines).join('\n')}\n`;
  invariant(after !== before, 'the trick changes something');
  await writeFile(path, after);
}
