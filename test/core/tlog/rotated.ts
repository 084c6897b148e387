/** A small log whose key was rotated, with every part open to change. */
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import type { Signer } from '../../../src/core/tlog/key.ts';
import type { RotationNote } from '../../../src/core/tlog/key-history.ts';
import { createRange } from '../../../src/core/tlog/tree.ts';
import type { LogSource } from '../../../src/core/tlog/verify.ts';
import { buildLog, entryText, ORIGIN, sourceOf, type TestLog, testSigner } from './fixture.ts';

export interface Binding {
  readonly old: string;
  readonly next: string;
}

export interface RotatedLog {
  readonly log: TestLog;
  /** In order; the first signs from 0. */
  readonly keys: readonly Signer[];
  readonly notes: readonly RotationNote[];
  source(changes?: Partial<LogSource>): LogSource;
}

/** The recorder's own entry, or with `changes` one that only looks like it. */
export function rotateText(
  index: number,
  prev: string,
  { old, next }: Binding,
  changes: Record<string, unknown> = {},
): string {
  return JSON.stringify({
    index,
    metadata: { new: next, old },
    phase: 'point',
    prev,
    source: { assurance: 'enforced', surface: 'server' },
    type: 'key.rotate',
    ...changes,
  });
}

export function rootAt(log: TestLog, size: number): Uint8Array {
  const range = createRange();
  for (const leaf of log.leaves.slice(0, size)) range.append(leaf);
  return range.root();
}

export function noteAt(log: TestLog, size: number, signers: readonly Signer[]): RotationNote {
  return { size, note: signCheckpoint({ origin: ORIGIN, size, root: rootAt(log, size) }, signers) };
}

/** `at`: the sizes of the notes. `text`: the line of the rotation that ends there, instead of an honest one. */
export function buildRotated(
  size: number,
  at: readonly number[],
  text: (index: number, prev: string, binding: Binding) => string = rotateText,
): RotatedLog {
  const keys = [0, ...at].map((_, i) => testSigner(20 + i));
  const last = keys.at(-1) ?? testSigner();
  const log = buildLog(size, {
    signer: last,
    text: (index, prev) => {
      const i = at.indexOf(index + 1);
      const [old, next] = [keys[i], keys[i + 1]];
      return i === -1 || old === undefined || next === undefined
        ? entryText(index, prev)
        : text(index, prev, { old: old.vkey, next: next.vkey });
    },
  });
  const notes = at.map((one, i) => noteAt(log, one, keys.slice(i, i + 2)));
  return {
    log,
    keys,
    notes,
    source: (changes) =>
      sourceOf(log, { vkeys: keys.map(({ vkey }) => vkey), rotations: async () => notes, ...changes }),
  };
}

/** Adds a signature of `signer` to any signed note, as anybody can. */
export function withSignature(note: Uint8Array, signer: Signer): Uint8Array {
  const text = new TextDecoder().decode(note);
  const lines = new TextDecoder().decode(
    signCheckpoint(parts(text.slice(0, text.indexOf('\n\n') + 1)), [signer]),
  );
  return encodeUtf8(text + lines.slice(lines.indexOf('\n\n') + 2));
}

function parts(text: string) {
  const [origin = '', size = '', root = ''] = text.split('\n');
  return { origin, size: Number(size), root: new Uint8Array(Buffer.from(root, 'base64')) };
}
