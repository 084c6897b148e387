/** Which data keys are meant when payloads are to be erased, and which of them a hold covers. Reads only. */
import { TallyError } from '../core/error.ts';
import { type DataKeyFile, parseDataKey } from '../core/payload/data-key.ts';
import type { DataKeyStore, LogReader } from '../core/ports.ts';
import { textAt } from '../core/query/fields.ts';
import type { Hold } from '../core/retention/hold.ts';
import { stillCited } from './prune-collect.ts';
import { segmentTime } from './prune-segments.ts';

/** What all keys to be erased have in common; at least one member. */
export interface EraseWhat {
  readonly run_id?: string | undefined;
  readonly subject?: string | undefined;
  readonly class?: string | undefined;
  /** Not those of these classes. Asks for nothing by itself. */
  readonly exceptClasses?: readonly string[] | undefined;
  /** Every payload under the key was recorded before (ms). */
  readonly before?: number | undefined;
  readonly key_id?: string | undefined;
}

export interface Found {
  readonly keys: readonly DataKeyFile[];
  /** Of them, those that a hold covers. */
  readonly held: readonly { readonly key_id: string; readonly hold: Hold }[];
}

export interface EraseGround {
  readonly log: LogReader;
  readonly keys: Pick<DataKeyStore, 'list' | 'get'> | undefined;
  readonly holds: readonly Hold[];
  readonly hashSubject: (subject: string) => string;
}

export function holdOnKey({ run_id, subject_hash }: DataKeyFile, holds: readonly Hold[]): Hold | undefined {
  return holds.find(
    (hold) =>
      hold.kind === 'all' ||
      (hold.kind === 'run' && hold.run_id === run_id) ||
      (hold.kind === 'subject' && hold.subject_hash === subject_hash),
  );
}

/** By what their files say of themselves. Reads every one of them. */
export async function matchingKeys(
  what: EraseWhat,
  { keys, hashSubject }: EraseGround,
): Promise<readonly DataKeyFile[]> {
  const { exceptClasses, ...asked } = what;
  if (Object.values(asked).every((value) => value === undefined))
    throw new TallyError('USAGE', 'nothing says what to erase', {
      hint: 'name a run, a subject, a class or a time',
    });
  const subject = what.subject === undefined ? undefined : hashSubject(what.subject);
  const found: DataKeyFile[] = [];
  for (const keyId of (await keys?.list()) ?? []) {
    if (what.key_id !== undefined && what.key_id !== keyId) continue;
    const bytes = await keys?.get(keyId);
    const about = bytes === undefined ? undefined : parseDataKey(bytes);
    if (about === undefined || about.key_id !== keyId) continue;
    const fits =
      (what.run_id === undefined || about.run_id === what.run_id) &&
      (subject === undefined || about.subject_hash === subject) &&
      (what.class === undefined || about.class === what.class) &&
      exceptClasses?.includes(about.class) !== true &&
      (what.before === undefined || Date.parse(about.created) < what.before);
    if (fits) found.push(about);
  }
  return found;
}

/** Errors: `USAGE` when nothing says what is meant. */
export async function findKeys(what: EraseWhat, ground: EraseGround): Promise<Found> {
  const all = await matchingKeys(what, ground);
  const used = what.before === undefined ? new Set<string>() : await usedSince(all, what.before, ground);
  const keys = all.filter(({ key_id }) => !used.has(key_id));
  const held = keys.flatMap((about) => {
    const hold = holdOnKey(about, ground.holds);
    return hold === undefined ? [] : [{ key_id: about.key_id, hold }];
  });
  return { keys, held };
}

/** A key may have been made before that time and used after it. */
async function usedSince(
  keys: readonly DataKeyFile[],
  ms: number,
  { log }: EraseGround,
): Promise<ReadonlySet<string>> {
  const segments = await log.segments();
  let from = segments[0]?.first ?? 0;
  for (const { first } of segments) {
    if ((await segmentTime(log, first)) >= ms) break;
    from = first;
  }
  return stillCited(
    log,
    new Set(keys.map(({ key_id }) => key_id)),
    from,
    (entry) => Date.parse(textAt(entry, 'ts') ?? '') >= ms,
  );
}
