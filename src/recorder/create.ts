/** The making of a log, before its first entry. */
import { encodeLogInfo, type LogInfo } from '../core/loginfo.ts';
import type { LogStore, ObjectStore } from '../core/ports.ts';
import { parseCheckpoint, signCheckpoint } from '../core/tlog/checkpoint.ts';
import type { Signer } from '../core/tlog/key.ts';
import { parseNote } from '../core/tlog/note.ts';
import { emptyRoot } from '../core/tlog/tree.ts';
import { rolledBack } from './claims.ts';

/**
 * Makes a new log, or completes one whose making was cut short before its first entry: log.json, a signed checkpoint of
 * nothing, and both remembered outside. So a log that was opened once always has all four, and one that lacks any is
 * refused. Throws `LOG_ROLLED_BACK` when a checkpoint of entries is there.
 */
export async function createLog(options: {
  readonly store: LogStore;
  readonly heads: ObjectStore;
  readonly name: string;
  readonly info: LogInfo;
  readonly signer: Signer;
}): Promise<void> {
  const { store, heads, name, info, signer } = options;
  for (const note of [await store.objects.get('checkpoint'), await heads.get(`${name}/checkpoint`)]) {
    const size = note === undefined ? 0 : parseCheckpoint(parseNote(note).text).size;
    if (size > 0) throw rolledBack(0, size);
  }
  const empty = signCheckpoint({ origin: info.origin, size: 0, root: emptyRoot() }, [signer]);
  await store.objects.put('log.json', encodeLogInfo(info));
  await store.objects.put('checkpoint', empty);
  await heads.put(`${name}/checkpoint`, empty);
  // Last: whoever finds the key remembered may rely on the rest.
  await heads.put(`${name}/vkey`, Buffer.from(`${signer.vkey}\n`));
}
