/** Which files hold the segments of a log, and under what names. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, readError } from './fs.ts';

const PLAIN = /^(\d{12,16})\.jsonl$/;
const SEALED = /^(\d{12,16})\.jsonl\.zst$/;
/** Listings until one falls between two changes of the directory. */
const ATTEMPTS = 5;

export function segmentName(first: number): string {
  return `${String(first).padStart(12, '0')}.jsonl`;
}

export function sealedName(first: number): string {
  return `${segmentName(first)}.zst`;
}

export interface NamedSegment {
  readonly first: number;
  readonly sealed: boolean;
}

/**
 * Ordered by `first`. Where both forms of a segment lie there, its plain one counts: the sealed one was not finished
 * with. A listing is not atomic, and one that runs while a segment gets sealed could see neither form: then it is made
 * again. Nothing is there when the directory is not.
 */
export async function listSegments(entries: string): Promise<readonly NamedSegment[]> {
  for (let attempt = 1; ; attempt++) {
    const before = await changed(entries);
    if (before === undefined) return [];
    const found = new Map<number, NamedSegment>();
    for (const name of await namesIn(entries)) {
      const plain = PLAIN.exec(name)?.[1];
      const first = Number(plain ?? SEALED.exec(name)?.[1]);
      if (Number.isNaN(first) || (plain === undefined && found.has(first))) continue;
      found.set(first, { first, sealed: plain === undefined });
    }
    if (attempt === ATTEMPTS || (await changed(entries)) === before)
      return [...found.values()].sort((a, b) => a.first - b.first);
  }
}

async function changed(directory: string): Promise<bigint | undefined> {
  try {
    return (await stat(directory, { bigint: true })).mtimeNs;
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw readError(error, `cannot list ${directory}`);
  }
}

export async function namesIn(entries: string): Promise<readonly string[]> {
  try {
    return await readdir(entries);
  } catch (error) {
    if (errno(error) === 'ENOENT') return [];
    throw readError(error, `cannot list ${entries}`);
  }
}

/** Bytes of a plain segment; undefined when it is not there (any more), or no file. */
export async function plainSize(entries: string, first: number): Promise<number | undefined> {
  try {
    const found = await stat(join(entries, segmentName(first)));
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw readError(error, `cannot read ${join(entries, segmentName(first))}`);
  }
}
