/**
 * What ran while nothing could be recorded, remembered beside the log until it can say so. A line each, durable before the
 * thing is done, in the first directory that can be written: where the state directory is full or read-only, the runtime
 * directory often is neither. It holds times, names and what was decided, never an argument.
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
import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';
import type { Paths } from '../paths.ts';
import type { Gap } from '../recorder/gap-ops.ts';

/** One thing that ran. */
const NoteSchema = z.strictObject({
  at: z.iso.datetime(),
  surface: z.enum(['proxy', 'run', 'secrets', 'sdk', 'mcp']),
  /** What it was: the action, and the host or the command. */
  what: z.string().max(LIMITS.idChars),
  /** Why it could not be recorded: the code of the error. */
  why: z.string().max(64),
  /** Of many things in one line. */
  count: z.int().positive().optional(),
});
export type Note = z.infer<typeof NoteSchema>;

const NAME = 'ungoverned.jsonl';
const TAKEN = /^ungoverned\.(log_[0-9A-HJKMNP-TV-Z]{26})\.jsonl$/;

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

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Not there: nothing was remembered in it.
    return [];
  }
}

/**
 * Hands over what was remembered, a gap for each surface, and forgets it once `tell` has resolved. `makeId`: ids of
 * entries; a gap that is told again after a crash has the id of the first time.
 */
export async function tellNotes(
  directories: readonly string[],
  makeId: () => string,
  tell: (gap: Gap) => Promise<unknown>,
): Promise<number> {
  let told = 0;
  for (const directory of directories)
    for (const { path, id } of taken(directory, makeId)) {
      for (const gap of gapsIn(path, id)) {
        await tell(gap);
        told += gap.count;
      }
      rmSync(path, { force: true });
    }
  return told;
}

/** Moved aside first: what is noted from then on is the next gap. */
function taken(
  directory: string,
  makeId: () => string,
): readonly { readonly path: string; readonly id: string }[] {
  try {
    const names = namesIn(directory);
    if (names.includes(NAME))
      renameSync(join(directory, NAME), join(directory, `ungoverned.${makeId()}.jsonl`));
    return namesIn(directory).flatMap((name) => {
      const id = TAKEN.exec(name)?.[1];
      return id === undefined ? [] : [{ path: join(directory, name), id }];
    });
  } catch {
    // Not writable still, or another process was first: it stays, or is told by that one.
    return [];
  }
}

/** Names of one gap; the rest are counted. */
const NAMED = 50;

function gapsIn(path: string, id: string): readonly Gap[] {
  const notes = readNotes(path);
  const surfaces = [...new Set(notes.map(({ surface }) => surface))].sort();
  return surfaces.map((surface, at) => {
    const own = notes.filter((note) => note.surface === surface);
    const times = own.map((note) => note.at).sort();
    const what = [...new Set(own.map((note) => note.what))];
    return {
      // One file may tell of several surfaces: the other ids follow from the first.
      id: at === 0 ? id : otherId(id, at),
      surface,
      from: times[0] ?? '',
      to: times.at(-1) ?? '',
      count: own.reduce((sum, { count = 1 }) => sum + count, 0),
      what: what.slice(0, NAMED),
      why: [...new Set(own.map((note) => note.why))].join(' ').slice(0, LIMITS.reasonBytes),
    };
  });
}

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Another last digit for each, the same whenever it is told again. */
function otherId(id: string, at: number): string {
  const last = DIGITS.indexOf(id.at(-1) ?? '0');
  return `${id.slice(0, -1)}${DIGITS[(last + at) % DIGITS.length]}`;
}

function readNotes(path: string): readonly Note[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Another process told it meanwhile.
    return [];
  }
  return text.split('\n').flatMap((line) => {
    try {
      const parsed = NoteSchema.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      // The last line of a process that was killed while it wrote, before it did anything.
      return [];
    }
  });
}
