/** What this machine remembers of logs, outside of them: their newest checkpoints and their first keys. */
import { decodeUtf8 } from '../core/bytes.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import { parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../core/tlog/key.ts';
import { type RotationNote, unremembered } from '../core/tlog/key-history.ts';
import { parseNote } from '../core/tlog/note.ts';
import { readRotations } from '../core/tlog/rotation-notes.ts';
import type { Head } from '../core/tlog/verify-heads.ts';
import { attempt } from '../core/tlog/verify-signed.ts';
import type { OpenedReader } from '../reader.ts';

/** Which log is meant: the current one of this machine, or one in a directory that somebody named. */
export interface Whose {
  readonly current: boolean;
}

export interface LocalHead extends Head {
  /** Absent for a file that is no checkpoint: nothing that a damaged one says is held against a log. */
  readonly origin?: string;
  /** Name of the log. */
  readonly log: string;
}

const CHECKPOINT = '/checkpoint';

export async function localHeads({ heads }: OpenedReader): Promise<readonly LocalHead[]> {
  const found: LocalHead[] = [];
  for (const file of await heads.list('')) {
    const checkpoint = file.endsWith(CHECKPOINT) ? await heads.get(file) : undefined;
    if (checkpoint === undefined) continue;
    const log = file.slice(0, -CHECKPOINT.length);
    const origin = originIn(checkpoint);
    const head = { checkpoint, ground: 'local', name: `heads/${file}`, log } as const;
    found.push(origin === undefined ? head : { ...head, origin });
  }
  return found;
}

/** A checkpoint is signed under the name of its log: where no signature carries that name, a byte of it was changed. */
function originIn(checkpoint: Uint8Array): string | undefined {
  return attempt(() => {
    const { text, signatures } = parseNote(checkpoint);
    const { origin } = parseCheckpoint(text);
    return signatures.some(({ name }) => name === origin) ? origin : undefined;
  });
}

/** Keys of logs of others, `tally key pin`. No tenant's name holds an "@", so no log of this machine is called so. */
export const OTHERS = '@others';

/** Where in heads/ the log is remembered: the current one under its name, another by the origin in its key. */
async function placeOf(
  { heads, name }: OpenedReader,
  { current }: Whose,
  origin: string,
): Promise<string | undefined> {
  if (current) return name;
  for (const file of await heads.list('')) {
    const vkey = file.endsWith('/vkey')
      ? decodeUtf8((await heads.get(file)) ?? new Uint8Array(0))
      : undefined;
    if (vkey?.startsWith(`${origin}+`) === true) return file.slice(0, -'/vkey'.length);
  }
  return undefined;
}

/** The rotation notes that are kept outside of the log. */
export async function rememberedRotations(
  opened: OpenedReader,
  whose: Whose,
  origin: string,
): Promise<readonly RotationNote[]> {
  const place = await placeOf(opened, whose, origin);
  return place === undefined ? [] : readRotations(opened.heads, `${place}/`);
}

/**
 * Rotation notes of the current log, up to the size `signed`, that are not remembered: `keys/<size>.note`. Each is
 * remembered before the first checkpoint that needs it, so somebody took it away. Call it after `signed` was read.
 */
export async function lostRotations(
  { reader, heads, name }: OpenedReader,
  signed: number,
): Promise<readonly string[]> {
  const stored = await readRotations(reader.objects);
  const remembered = await readRotations(heads, `${name}/`);
  return unremembered(stored, remembered, signed);
}

/**
 * The key that was remembered. For the current log it is the one under its name, whatever the log now calls itself: a
 * log that was replaced by another one must not bring its own key. A copy is found by its origin.
 */
export async function pinnedVkey(
  opened: OpenedReader,
  whose: Whose,
  origin: string,
): Promise<string | undefined> {
  const place = await placeOf(opened, whose, origin);
  const bytes = place === undefined ? undefined : await opened.heads.get(`${place}/vkey`);
  if (bytes === undefined) return undefined;
  const vkey = decodeUtf8(bytes)?.trim() ?? '';
  try {
    verifierFromVkey(vkey);
  } catch (error) {
    if (!isTallyError(error)) throw error;
    throw new TallyError(
      'LOG_DAMAGED',
      `the remembered key in heads/${place}/vkey is none: ${error.message}`,
      {
        hint: 'put that file back from a backup; `tally verify --key VKEY` judges by a key that you know from elsewhere',
      },
    );
  }
  return vkey;
}
