/** Reading one payload: found in its pack, held against its entry, and opened with the keys of this machine. */

import { TallyError } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { type BlobFault, openBlob } from '../core/payload/blob.ts';
import { citationOf } from '../core/payload/citation.ts';
import { parseDataKey, unwrapDataKey, wrappingKey } from '../core/payload/data-key.ts';
import { KEY_ID } from '../core/payload/key-names.ts';
import type { DataKeyReader } from '../core/ports.ts';
import { booleanAt, field, numberAt, textAt } from '../core/query/fields.ts';
import { parseLine } from '../core/query/line.ts';
import { createMentionFinder } from '../core/query/mentions.ts';
import { erasedKeys } from '../core/retention/erase-entry.ts';
import { dataKeysDirectory, storedMasterKey } from '../home.ts';
import type { Paths } from '../paths.ts';
import type { OpenedReader } from '../reader.ts';
import { fileDataKeys } from '../store/file/data-keys.ts';

export type ReadPayload =
  /** `cipher_hash` and `commit` were checked, on these bytes. */
  | { readonly status: 'read'; readonly plain: Uint8Array; readonly truncated: boolean }
  /** The event brought none, or it was not to be kept. */
  | { readonly status: 'none' }
  /** Only a hash of it was kept. */
  | { readonly status: 'hash_only' }
  /** A copy without packs. */
  | { readonly status: 'not_here' }
  | { readonly status: 'missing' }
  | { readonly status: 'altered'; readonly fault: BlobFault | 'citation' }
  | { readonly status: 'key_erased'; readonly index: number }
  | { readonly status: 'key_missing'; readonly key_id: string }
  /** Wrapped by another master key, or damaged. */
  | { readonly status: 'key_unusable'; readonly key_id: string };

export interface PayloadKeys {
  readonly dataKeys: DataKeyReader;
  masterKey(): Promise<Uint8Array | undefined>;
}

export function keysOf(paths: Paths): PayloadKeys {
  return { dataKeys: fileDataKeys(dataKeysDirectory(paths)), masterKey: () => storedMasterKey(paths) };
}

/** `current`: the log of this machine, whose packs have to be there. */
export async function readPayload(
  opened: OpenedReader,
  entry: JsonObject,
  keys: PayloadKeys,
  { current }: { readonly current: boolean },
): Promise<ReadPayload> {
  const citation = citationOf(entry);
  if (citation === 'none') return { status: field(entry, 'payload') === undefined ? 'none' : 'hash_only' };
  if (citation === 'malformed') return { status: 'altered', fault: 'citation' };
  const { key_id, cipher_hash, length } = citation;
  const blob = await opened.packs.readPack(citation.pack, citation.offset, length);
  const whole = blob?.length === length ? blob : undefined;
  const intact = whole !== undefined && sha256Hex(whole) === cipher_hash;
  if (!intact) {
    const erased = await erasedAt(opened, key_id);
    if (erased !== undefined) return { status: 'key_erased', index: erased };
    if (whole !== undefined) return { status: 'altered', fault: 'cipher_hash' };
    const here = current || (await opened.packs.packs()).length > 0;
    return { status: here ? 'missing' : 'not_here' };
  }
  const stored = KEY_ID.test(key_id) ? await keys.dataKeys.get(key_id) : undefined;
  if (stored === undefined) {
    const erased = await erasedAt(opened, key_id);
    return erased === undefined ? { status: 'key_missing', key_id } : { status: 'key_erased', index: erased };
  }
  const file = parseDataKey(stored);
  const master = await keys.masterKey();
  const key =
    file?.key_id === key_id && master !== undefined ? unwrapDataKey(file, wrappingKey(master)) : undefined;
  if (key === undefined) return { status: 'key_unusable', key_id };
  const result = openBlob({
    of: {
      tenant_id: textAt(entry, 'tenant_id') ?? '',
      key_id,
      entry_id: textAt(entry, 'id') ?? '',
    },
    key,
    blob: whole,
    commit: textAt(entry, 'payload', 'commit') ?? '',
    cipher_hash,
  });
  key.fill(0);
  if (!result.ok) return { status: 'altered', fault: result.fault };
  return {
    status: 'read',
    plain: result.plain,
    truncated: booleanAt(entry, 'payload', 'truncated') === true,
  };
}

export interface Erasure {
  /** Of the `log.erase` entry. */
  readonly index: number;
  readonly ts: string;
}

/** Whether the log says that the payload of an entry was erased; looked for only when its key is not there. */
export async function erasureOf(
  opened: OpenedReader,
  entry: JsonObject,
  { dataKeys }: Pick<PayloadKeys, 'dataKeys'>,
): Promise<Erasure | undefined> {
  const citation = citationOf(entry);
  if (typeof citation === 'string' || !KEY_ID.test(citation.key_id)) return undefined;
  if ((await dataKeys.get(citation.key_id)) !== undefined) return undefined;
  return findErasure(opened, citation.key_id, numberAt(entry, 'index') ?? 0);
}

async function erasedAt(opened: OpenedReader, keyId: string): Promise<number | undefined> {
  return (await findErasure(opened, keyId, 0))?.index;
}

/** The `log.erase` that names a key. It stands behind what it erases: the reading begins there. */
async function findErasure(
  { reader }: OpenedReader,
  keyId: string,
  from: number,
): Promise<Erasure | undefined> {
  let found: Erasure | undefined;
  const finder = createMentionFinder(Buffer.from('"type":"log.erase"'), LIMITS.entryBytes, (line) => {
    const parsed = parseLine(line);
    const index = 'entry' in parsed ? numberAt(parsed.entry, 'index') : undefined;
    if ('entry' in parsed && index !== undefined && erasedKeys(parsed.entry).includes(keyId))
      found ??= { index, ts: textAt(parsed.entry, 'ts') ?? '' };
  });
  const segments = await reader.segments();
  const start = Math.max(
    0,
    segments.findLastIndex(({ first }) => first <= from),
  );
  for (const { first } of segments.slice(start)) {
    for await (const block of reader.read(first)) {
      finder.push(block);
      if (found !== undefined) return found;
    }
  }
  return found;
}

/** What cannot be read, as a failure: each says why, and what mends it. */
export function unreadable(read: Exclude<ReadPayload, { readonly status: 'read' }>): TallyError {
  const reason = { reason: read.status };
  switch (read.status) {
    case 'none':
      return new TallyError('NOT_FOUND', 'this entry has no payload', {
        hint: '`payloads` in config.yaml says which are kept',
        details: reason,
      });
    case 'hash_only':
      return new TallyError('NOT_FOUND', 'of this payload only a hash was kept', {
        hint: '`payloads` in config.yaml says what is kept of the next ones; binary data is kept only as `full`',
        details: reason,
      });
    case 'not_here':
      return new TallyError('NOT_FOUND', 'this copy of the log has no packs, so no payloads', {
        hint: 'read it on the machine that recorded it',
        details: reason,
      });
    case 'missing':
      return new TallyError('LOG_DAMAGED', 'the payload that this entry cites is gone', {
        hint: 'run `tally verify`: it names every such entry; restore packs/ from a backup',
        details: reason,
      });
    case 'altered':
      return new TallyError('LOG_DAMAGED', `this is not the payload that the entry cites (${read.fault})`, {
        hint: 'run `tally verify`: it names every such entry; restore packs/ from a backup',
        details: { ...reason, fault: read.fault },
      });
    case 'key_erased':
      return new TallyError('NOT_FOUND', `this payload was erased: entry ${read.index} says so`, {
        hint: `tally log show ${read.index}`,
        details: { ...reason, index: read.index },
      });
    case 'key_missing':
      return new TallyError('NOT_FOUND', `the key of this payload is not on this machine: ${read.key_id}`, {
        hint: 'no erasure is on record: restore keys/data from a backup, or read it on the machine that recorded it',
        details: { ...reason, key_id: read.key_id },
      });
    case 'key_unusable':
      return new TallyError('BAD_CONFIG', `the key of this payload does not open: ${read.key_id}`, {
        hint: 'its file is damaged, or the master key is another one: restore keys/ from a backup',
        details: { ...reason, key_id: read.key_id },
      });
  }
}
