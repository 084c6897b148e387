/** What this machine remembers of logs, outside of them: their newest checkpoints and their first keys. */
import { decodeUtf8 } from '../core/bytes.ts';
import type { Head } from '../core/tlog/verify-heads.ts';
import type { OpenedReader } from '../reader.ts';
import { originOf } from './log-source.ts';

/** Which log is meant: the current one of this machine, or one in a directory that somebody named. */
export interface Whose {
  readonly current: boolean;
}

export interface LocalHead extends Head {
  readonly origin: string;
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
    found.push({ checkpoint, ground: 'local', name: `heads/${file}`, origin: originOf(checkpoint), log });
  }
  return found;
}

/**
 * The key that was remembered. For the current log it is the one under its name, whatever the log now calls itself: a
 * log that was replaced by another one must not bring its own key. A copy is found by its origin.
 */
export async function pinnedVkey(
  { heads, name }: OpenedReader,
  { current }: Whose,
  origin: string,
): Promise<string | undefined> {
  const vkeyAt = async (file: string): Promise<string | undefined> => {
    const bytes = await heads.get(file);
    return bytes === undefined ? undefined : decodeUtf8(bytes)?.trim();
  };
  if (current) return vkeyAt(`${name}/vkey`);
  for (const file of await heads.list('')) {
    const vkey = file.endsWith('/vkey') ? await vkeyAt(file) : undefined;
    if (vkey?.startsWith(`${origin}+`) === true) return vkey;
  }
  return undefined;
}
