/** Where the verifier gets a log from: a log directory, or the static files that `tally log publish` writes. */
import { decodeUtf8 } from '../core/bytes.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import type { LogReader, SegmentDamage } from '../core/ports.ts';
import { carriedName } from '../core/retention/carried.ts';
import { type PublishedLog, publishedLog } from '../core/tlog/published.ts';
import { readRotations } from '../core/tlog/rotation-notes.ts';
import { TILE_WIDTH, tilePath } from '../core/tlog/tile.ts';
import type { LogSource } from '../core/tlog/verify.ts';

export type Blocks = Pick<LogSource, 'checkpoint' | 'rotations' | 'blocks' | 'tile' | 'carried' | 'first'>;

/** `onDamage` is told what cannot be read of sealed segments; everything else is handed on. */
export function directoryBlocks(reader: LogReader, onDamage?: (damage: SegmentDamage) => void): Blocks {
  return {
    checkpoint: () => reader.objects.get('checkpoint'),
    rotations: () => readRotations(reader.objects),
    async *blocks() {
      for (const { first } of await reader.segments()) yield* reader.read(first, 0, onDamage);
    },
    tile: (level, index) => reader.objects.get(tilePath({ level, index, width: TILE_WIDTH })),
    carried: (sha256) => reader.objects.get(carriedName(sha256)),
  };
}

/** undefined when the directory holds no published log. Throws `CHECKPOINT_MALFORMED`, `NOTE_MALFORMED`. */
export async function publishedDirectory({
  objects,
  segments,
}: LogReader): Promise<PublishedLog | undefined> {
  const isLog = (await objects.get('log.json')) !== undefined || (await segments()).length > 0;
  if (isLog) return undefined;
  try {
    return await publishedLog({ get: (path) => objects.get(path), list: (prefix) => objects.list(prefix) });
  } catch (error) {
    if (!isTallyError(error) || !/^(?:NOTE|CHECKPOINT)_MALFORMED$/.test(error.code)) throw error;
    throw new TallyError(error.code, `the file checkpoint of this directory is damaged: ${error.message}`, {
      hint: 'get that file again from whoever published it; its publisher moves it away and runs `tally log publish` on the directory again',
      cause: error,
    });
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
