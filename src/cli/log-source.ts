/** Where the verifier gets a log from: a log directory, or the static files that `tally log publish` writes. */
import { decodeUtf8 } from '../core/bytes.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import type { LogReader } from '../core/ports.ts';
import { parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { parseNote } from '../core/tlog/note.ts';
import { bundlePath, bundlesOf, decodeBundle, TILE_WIDTH, tilePath } from '../core/tlog/tile.ts';
import type { LogSource } from '../core/tlog/verify.ts';

const NEWLINE = Buffer.from('\n');

export type Blocks = Pick<LogSource, 'checkpoint' | 'blocks' | 'tile'>;

export function directoryBlocks(reader: LogReader): Blocks {
  return {
    checkpoint: () => reader.objects.get('checkpoint'),
    async *blocks() {
      for (const { first } of await reader.segments()) yield* reader.read(first);
    },
    tile: (level, index) => reader.objects.get(tilePath({ level, index, width: TILE_WIDTH })),
  };
}

export interface PublishedLog extends Blocks {
  /** What its checkpoint says; nobody has checked it yet. */
  readonly origin: string;
}

/** undefined when the directory holds no published log. Throws `CHECKPOINT_MALFORMED`, `NOTE_MALFORMED`. */
export async function publishedLog({ objects }: LogReader): Promise<PublishedLog | undefined> {
  const note = await objects.get('checkpoint');
  const isPublished = note !== undefined && (await objects.get('log.json')) === undefined;
  if (!isPublished || (await objects.list('tile/entries/')).length === 0) return undefined;
  const { origin, size } = parseCheckpoint(parseNote(note).text);
  return {
    origin,
    checkpoint: () => Promise.resolve(note),
    async *blocks() {
      for (const bundle of bundlesOf(size)) {
        const bytes = await objects.get(bundlePath(bundle));
        const entries = bytes === undefined ? undefined : decode(bytes, bundle.width);
        // What follows cannot be in its place: the verifier says from where on entries are missing.
        if (entries === undefined) return;
        yield Buffer.concat(entries.flatMap((entry) => [entry, NEWLINE]));
      }
    },
    tile: (level, index) => objects.get(tilePath({ level, index, width: TILE_WIDTH })),
  };
}

function decode(bundle: Uint8Array, width: number): Uint8Array[] | undefined {
  try {
    return decodeBundle(bundle, width);
  } catch (error) {
    if (isTallyError(error)) return undefined;
    throw error;
  }
}

/** The first line of a signed checkpoint. */
export function originOf(checkpoint: Uint8Array): string {
  return decodeUtf8(checkpoint)?.split('\n')[0] ?? '';
}

export function keyNeeded(origin: string): TallyError {
  return new TallyError('USAGE', `no key is known for ${origin}`, {
    hint: 'give the one that its owner prints with `tally key list`: tally verify --dir … --key VKEY',
  });
}
