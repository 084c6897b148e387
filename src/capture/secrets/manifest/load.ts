/** Manifests from the disk, and what they extend, each file once. */
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { type ManifestDocument, readDocument } from './document.ts';
import { MANIFEST_NAME } from './find.ts';
import { merge } from './merge.ts';
import { manifestError } from './problem.ts';
import type { Manifest } from './types.ts';

/** Throws MANIFEST_INVALID with file, line and column, or NOT_FOUND. Bounded in files, size and depth. */
export function loadManifest(path: string): Manifest {
  const active = new Set<string>();
  const done = new Set<string>();
  const documents: ManifestDocument[] = [];

  function visit(at: string, named: { by: ManifestDocument } | undefined): void {
    const real = realOf(at, named?.by);
    if (done.has(real)) return;
    if (active.has(real)) {
      const files = [...active, real].map((file) => file).join(' → ');
      named?.by.reader.fail(
        ['project', 'extends'],
        `extends goes round in a ring: ${files}`,
        'take one of the extends out',
      );
    }
    if (active.size + done.size >= LIMITS.manifestFiles)
      named?.by.reader.fail(
        ['project', 'extends'],
        `more than ${LIMITS.manifestFiles} files`,
        'extend fewer',
      );
    active.add(real);
    const document = readDocument({ path: at, text: readText(at) });
    // Relative to where the file is named, not to where a link leads.
    for (const other of document.extends) {
      const full = resolve(dirname(at), other.endsWith('.toml') ? other : join(other, MANIFEST_NAME));
      visit(full, { by: document });
    }
    active.delete(real);
    done.add(real);
    documents.push(document);
  }

  const full = resolve(path);
  visit(full, undefined);
  const [first, ...rest] = documents;
  if (first === undefined) throw notFound(full);
  return merge([first, ...rest], { path: full, directory: dirname(full) });
}

function notFound(path: string): TallyError {
  return new TallyError('NOT_FOUND', `there is no manifest ${path}`, {
    hint: 'give its path with --file, or leave it out to use the one of the current directory',
  });
}

function realOf(path: string, by: ManifestDocument | undefined): string {
  try {
    return realpathSync(path);
  } catch {
    if (by === undefined) throw notFound(path);
    return by.reader.fail(
      ['project', 'extends'],
      `it extends ${path}, which is not there`,
      'correct the path: it is relative to this file',
    );
  }
}

/** A regular file of bounded size: never a pipe that is waited for, or a device without an end. */
function readText(path: string): string {
  const start = { line: 1, column: 1 };
  let handle: number;
  try {
    handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw manifestError(path, start, `cannot be read (${code})`, 'look at its mode and owner: ls -l');
  }
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile()) throw manifestError(path, start, 'not a file', 'a manifest is a file');
    if (stat.size > LIMITS.manifestBytes)
      throw manifestError(path, start, `more than ${LIMITS.manifestBytes} bytes`, 'is it a manifest?');
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(handle));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw manifestError(path, start, 'not UTF-8', 'save it as UTF-8');
  } finally {
    closeSync(handle);
  }
}
