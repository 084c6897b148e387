/**
 * The logs that our witness cosigns, `logs/<h>.json` in its directory, with `<h>` the SHA-256 of the origin in hex. An
 * operator adds them, also while the witness runs; the witness itself only reads them.
 */
import { z } from 'zod';
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts';
import { TallyError } from '../../core/error.ts';
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import { parseJson } from '../../core/parse.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { verifierFromVkey } from '../../core/tlog/key.ts';
import { beginState, hasState } from './state.ts';

export interface TrustedLog {
  readonly origin: string;
  /** All of them named like the origin; a log that changed its key has several. */
  readonly vkeys: readonly string[];
}

const LogSchema = z.strictObject({ origin: z.string(), vkeys: z.array(z.string()).min(1) });
const FOLDER = 'logs/';
const FILE = /^logs\/[0-9a-f]{64}\.json$/;

function fileOf(origin: string): string {
  return `${FOLDER}${sha256Hex(origin)}.json`;
}

function damaged(name: string): TallyError {
  return new TallyError('WITNESS_DAMAGED', `${name} of the witness is damaged, so its log is not cosigned`, {
    hint: 'restore that file from a backup, or remove it and give the key of the log again: `tally witness trust VKEY`',
  });
}

/** Whether the bytes are what `trustLog` writes for this name; keys are checked where they are used. */
function readLog(name: string, bytes: Uint8Array): TrustedLog {
  let value: unknown;
  try {
    value = parseJson(decodeUtf8(bytes) ?? '');
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(name);
    throw error;
  }
  const parsed = LogSchema.safeParse(value);
  if (!parsed.success || fileOf(parsed.data.origin) !== name) throw damaged(name);
  return parsed.data;
}

/** Throws `WITNESS_DAMAGED`. */
export async function trustedLog(
  files: Pick<ObjectStore, 'get'>,
  origin: string,
): Promise<TrustedLog | undefined> {
  const name = fileOf(origin);
  const bytes = await files.get(name);
  return bytes === undefined ? undefined : readLog(name, bytes);
}

/** By origin. Throws `WITNESS_DAMAGED`. */
export async function trustedLogs(files: Pick<ObjectStore, 'get' | 'list'>): Promise<readonly TrustedLog[]> {
  const logs: TrustedLog[] = [];
  for (const name of (await files.list(FOLDER)).filter((name) => FILE.test(name))) {
    const bytes = await files.get(name);
    if (bytes !== undefined) logs.push(readLog(name, bytes));
  }
  return logs.sort((a, b) => (a.origin < b.origin ? -1 : 1));
}

/**
 * Resolved: it is durable that checkpoints signed with this key are cosigned. `added` is false when that was so already.
 * A log that was trusted before goes on from where it was. Throws `KEY_MALFORMED`, `WITNESS_DAMAGED`, and `BAD_CONFIG`
 * beyond LIMITS.witnessLogs.
 */
export async function trustLog(
  files: ObjectStore,
  vkey: string,
): Promise<{ readonly origin: string; readonly added: boolean }> {
  const { name: origin } = verifierFromVkey(vkey);
  const known = await trustedLog(files, origin);
  if (known?.vkeys.includes(vkey) === true) return { origin, added: false };
  if (known === undefined) {
    if ((await files.list(FOLDER)).length >= LIMITS.witnessLogs)
      throw new TallyError('BAD_CONFIG', `a witness knows at most ${LIMITS.witnessLogs} logs`, {
        hint: 'give further logs a witness with a directory and a key of its own: `tally witness serve --dir DIR`',
      });
    // Before the log is trusted: a trusted log without a state is one that lost it.
    if (!(await hasState(files, origin))) await beginState(files, origin);
  }
  const log: TrustedLog = { origin, vkeys: [...(known?.vkeys ?? []), vkey] };
  await files.put(fileOf(origin), encodeUtf8(`${JSON.stringify(log, undefined, 1)}\n`));
  return { origin, added: true };
}
