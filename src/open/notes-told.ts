/** Telling the log what was remembered beside it. */
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../core/limits.ts';
import type { Gap } from '../recorder/gap-ops.ts';
import { type Note, NoteSchema } from './note-shape.ts';
import { NAME, namesIn, TAKEN } from './notes.ts';

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
