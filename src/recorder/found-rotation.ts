/** Rotations of the key that the unsigned tail of a log tells of: whoever wrote the entry was cut short. */
import { KEY_ROTATE, readRotateEntry } from '../core/tlog/key-history.ts';
import type { Tree } from '../core/tlog/tiling.ts';
import { type Line, lineType } from './lines.ts';

export interface FoundRotation {
  readonly size: number;
  readonly root: Uint8Array;
  /** vkeys. */
  readonly old: string;
  readonly next: string;
}

export interface RotationWatch {
  /** A good line, and the tree that ends with it. */
  see(line: Line, tree: Tree): void;
  /** The rotation to the prepared key. */
  found(): FoundRotation | undefined;
  /** Index of another one, which nothing can complete any more. */
  unfinished(): number | undefined;
}

/** Keeps one of each kind, however many somebody writes into the tail. */
export function watchRotations(signed: number, prepared: string | undefined): RotationWatch {
  let found: FoundRotation | undefined;
  let unfinished: number | undefined;
  return {
    see(line, tree) {
      const { size } = tree;
      if (size <= signed || lineType(line) !== KEY_ROTATE) return;
      const entry = readRotateEntry(line.bytes.subarray(line.start, line.end));
      if (typeof entry === 'string') return;
      if (entry.next === prepared) found = { size, root: tree.root(), old: entry.old, next: entry.next };
      else unfinished = size - 1;
    },
    found: () => found,
    unfinished: () => unfinished,
  };
}
