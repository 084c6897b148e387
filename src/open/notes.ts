/**
 * What ran while nothing could be recorded, remembered beside the log until it can say so. A line each, durable before the
 * thing is done, in the first directory that can be written: where the state directory is full or read-only, the runtime
 * directory often is neither. It holds times, names and what was decided, never an argument.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../core/limits.ts';
import type { Paths } from '../paths.ts';
import type { Note } from './note-shape.ts';

export const NAME = 'ungoverned.jsonl';
export const TAKEN = /^ungoverned\.(log_[0-9A-HJKMNP-TV-Z]{26})\.jsonl$/;

/** Where notes are looked for, and made: the first that can be written. */
export function placesOf({ state, runtime }: Paths): readonly string[] {
  return [state, runtime];
}

/** False when it could not be remembered anywhere: then it must not be done. */
export function remember(directories: readonly string[], note: Note): boolean {
  return directories.some((directory) => append(join(directory, NAME), note));
}

function append(path: string, note: Note): boolean {
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
    const handle = openSync(path, flags, 0o600);
    try {
      if (fstatSync(handle).size > LIMITS.noteFileBytes) return false;
      writeSync(handle, `${JSON.stringify(note)}\n`);
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

export function hasNotes(directories: readonly string[]): boolean {
  return directories.some((directory) =>
    namesIn(directory).some((name) => name === NAME || TAKEN.test(name)),
  );
}

export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Not there: nothing was remembered in it.
    return [];
  }
}
