/**
 * Accesses that went on while nothing could be recorded, remembered beside the log until it can say so. One line each, in
 * the first directory that can be written: where the state directory is full or read-only, the runtime directory often is
 * neither. What it holds is a time and a code.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../../core/limits.ts';
import type { OpParams } from '../../recorder/ops.ts';

export type Gap = OpParams<'secret.gap'>;

export interface Gaps {
  /** False when it could not be remembered anywhere. Never throws. */
  note(at: string, why: string): boolean;
  /**
   * Hands each gap to `tell` and forgets it once that has resolved. A process that dies in between leaves it for the
   * next one, so a gap may be told twice and is never lost.
   */
  tell(tell: (gap: Gap) => Promise<unknown>): Promise<void>;
}

const NAME = 'secret-gaps.jsonl';
const TAKEN = /^secret-gaps\.taken\.\d+\.jsonl$/;
const LINE = /^\{"at":"(\d{4}-\d\d-\d\dT[\d:.]+Z)","why":"([A-Z_]{1,64})"\}$/;

export function openGaps(directories: readonly string[]): Gaps {
  return {
    note: (at, why) => directories.some((directory) => append(join(directory, NAME), { at, why })),
    async tell(tell) {
      for (const directory of directories)
        for (const path of taken(directory)) {
          const gap = gapIn(path);
          if (gap !== undefined) await tell(gap);
          rmSync(path, { force: true });
        }
    },
  };
}

function append(path: string, line: { readonly at: string; readonly why: string }): boolean {
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
    const handle = openSync(path, flags, 0o600);
    try {
      if (fstatSync(handle).size > LIMITS.gapFileBytes) return false;
      writeSync(handle, `${JSON.stringify({ at: line.at, why: line.why })}\n`);
      fsyncSync(handle);
      return true;
    } finally {
      closeSync(handle);
    }
  } catch {
    // The next directory is tried, and the caller says so when none is left.
    return false;
  }
}

/** Moved aside first: what is noted from then on is the next gap. */
function taken(directory: string): readonly string[] {
  try {
    const names = readdirSync(directory);
    if (names.includes(NAME)) {
      const aside = `secret-gaps.taken.${process.pid}.jsonl`;
      renameSync(join(directory, NAME), join(directory, aside));
      return [...new Set([...names.filter((name) => TAKEN.test(name)), aside])].map((name) =>
        join(directory, name),
      );
    }
    return names.filter((name) => TAKEN.test(name)).map((name) => join(directory, name));
  } catch {
    // Not there, or not writable still: it stays where it is.
    return [];
  }
}

function gapIn(path: string): Gap | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Another process told it meanwhile.
    return undefined;
  }
  const lines = text.split('\n').flatMap((line) => {
    const [, at, why] = LINE.exec(line) ?? [];
    return at === undefined || why === undefined || Number.isNaN(Date.parse(at)) ? [] : [{ at, why }];
  });
  const times = lines.map(({ at }) => at).sort();
  const [from] = times;
  const to = times.at(-1);
  if (from === undefined || to === undefined) return undefined;
  const why = [...new Set(lines.map((line) => line.why))].join(' ').slice(0, LIMITS.reasonBytes);
  return { from, to, count: lines.length, why };
}
