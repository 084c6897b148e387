/**
 * Erases payloads by destroying their data keys: `log.erase` names them and is durable first. Not so the other way round:
 * a key that is gone although nobody said so would be a loss. Every proof of every entry still holds.
 */
import type { Event } from '../core/entry.ts';
import { asTallyError, TallyError } from '../core/error.ts';
import { type DataKeyFile, parseDataKey, subjectHasher } from '../core/payload/data-key.ts';
import type { DataKeyStore, LogReader } from '../core/ports.ts';
import { textAt } from '../core/query/fields.ts';
import { KEYS_AN_ENTRY, LOG_ERASE } from '../core/retention/erase-entry.ts';
import { type Hold, holdText } from '../core/retention/hold.ts';
import type { Producer, Receipt } from './api.ts';
import type { Payloads } from './payloads.ts';
import { stillCited } from './prune-collect.ts';
import { segmentTime } from './prune-segments.ts';
import type { RegistryHolder } from './registry.ts';
import type { Sequenced } from './sequencer.ts';
import { createTurns } from './turns.ts';

export type Sequence = (event: Event, producer: Producer) => Sequenced;

/** What all keys to be erased have in common; at least one member. */
export interface EraseWhat {
  readonly run_id?: string | undefined;
  readonly subject?: string | undefined;
  readonly class?: string | undefined;
  /** Every payload under the key was recorded before (ms). */
  readonly before?: number | undefined;
  readonly key_id?: string | undefined;
}

export interface Found {
  readonly keys: readonly DataKeyFile[];
  /** Of them, those that a hold covers. */
  readonly held: readonly { readonly key_id: string; readonly hold: Hold }[];
}

export interface Erased {
  readonly receipts: readonly Receipt[];
  readonly keys: number;
  readonly held: Found['held'];
}

export interface Eraser {
  find(what: EraseWhat): Promise<Found>;
  /**
   * Resolves when the keys are destroyed. `HELD` when a hold covers one of them, and nothing is erased then; with
   * `exceptHeld` the others are. `event` says who asked and why.
   */
  erase(what: EraseWhat, event: Event, exceptHeld?: boolean): Promise<Erased>;
  /** Destroys what a crash left between an entry and its keys. */
  resume(): Promise<void>;
  /** As a subject stands in the files of data keys. */
  subjectHash(subject: string): string;
  stop(): Promise<void>;
}

const OWN: Producer = { surface: 'server', assurance: 'enforced' };

export function createEraser(options: {
  readonly store: LogReader;
  readonly keys: DataKeyStore | undefined;
  readonly payloads: Pick<Payloads, 'eraseKey' | 'retire'> | undefined;
  readonly registry: RegistryHolder;
  readonly masterKey: Uint8Array;
  readonly sequence: Sequence;
  readonly onWarning: ((text: string) => void) | undefined;
}): Eraser {
  const { store, registry } = options;
  const hashSubject = subjectHasher(options.masterKey);
  const inTurn = createTurns();
  let stopping = false;

  function holdOn({ run_id, subject_hash }: DataKeyFile): Hold | undefined {
    return [...registry.current().holds.values()].find(
      (hold) =>
        hold.kind === 'all' ||
        (hold.kind === 'run' && hold.run_id === run_id) ||
        (hold.kind === 'subject' && hold.subject_hash === subject_hash),
    );
  }

  async function matching(what: EraseWhat): Promise<readonly DataKeyFile[]> {
    if (Object.values(what).every((value) => value === undefined))
      throw new TallyError('USAGE', 'nothing says what to erase', {
        hint: 'name a run, a subject, a class or a time',
      });
    const subject = what.subject === undefined ? undefined : hashSubject(what.subject);
    const found: DataKeyFile[] = [];
    for (const keyId of (await options.keys?.list()) ?? []) {
      if (what.key_id !== undefined && what.key_id !== keyId) continue;
      const bytes = await options.keys?.get(keyId);
      const about = bytes === undefined ? undefined : parseDataKey(bytes);
      if (about === undefined || about.key_id !== keyId) continue;
      const fits =
        (what.run_id === undefined || about.run_id === what.run_id) &&
        (subject === undefined || about.subject_hash === subject) &&
        (what.class === undefined || about.class === what.class) &&
        (what.before === undefined || Date.parse(about.created) < what.before);
      if (fits) found.push(about);
    }
    return found;
  }

  /** A key may have been made before that time and used after it. */
  async function usedSince(keys: readonly DataKeyFile[], ms: number): Promise<ReadonlySet<string>> {
    const segments = await store.segments();
    let from = segments[0]?.first ?? 0;
    for (const { first } of segments) {
      if ((await segmentTime(store, first)) >= ms) break;
      from = first;
    }
    return stillCited(
      store,
      new Set(keys.map(({ key_id }) => key_id)),
      from,
      (entry) => Date.parse(textAt(entry, 'ts') ?? '') >= ms,
    );
  }

  async function find(what: EraseWhat): Promise<Found> {
    const all = await matching(what);
    const used = what.before === undefined ? new Set<string>() : await usedSince(all, what.before);
    const keys = all.filter(({ key_id }) => !used.has(key_id));
    const held = keys.flatMap((about) => {
      const hold = holdOn(about);
      return hold === undefined ? [] : [{ key_id: about.key_id, hold }];
    });
    return { keys, held };
  }

  async function destroy(keyIds: readonly string[]): Promise<void> {
    for (const keyId of keyIds) {
      if (stopping) return;
      if (options.payloads === undefined) await options.keys?.erase(keyId);
      else await options.payloads.eraseKey(keyId);
      registry.current().erasing.delete(keyId);
    }
  }

  async function erase(what: EraseWhat, event: Event, exceptHeld: boolean): Promise<Erased> {
    // Those that match now seal nothing more; what comes meanwhile gets a key that nobody asked to erase.
    const keyIds = new Set((await matching(what)).map(({ key_id }) => key_id));
    await options.payloads?.retire(keyIds);
    const found = await find(what);
    const going = found.keys.filter(({ key_id }) => keyIds.has(key_id));
    const receipts: Receipt[] = [];
    let keys = 0;
    for (let at = 0; at < going.length && !stopping; at += KEYS_AN_ENTRY) {
      // Between this look at the holds and the entry nothing may wait.
      const part = going.slice(at, at + KEYS_AN_ENTRY);
      const hold = part.map(holdOn).find((one) => one !== undefined);
      if (hold !== undefined && !exceptHeld) throw heldBack(hold, keys, going.length);
      const key_ids = part.filter((about) => holdOn(about) === undefined).map(({ key_id }) => key_id);
      if (key_ids.length === 0) continue;
      const metadata = { ...event.metadata, key_ids };
      const { receipt, done } = options.sequence(
        { ...event, type: LOG_ERASE, phase: 'point', metadata, outcome: { status: 'ok' } },
        OWN,
      );
      await done;
      receipts.push(receipt);
      await destroy(key_ids);
      keys += key_ids.length;
    }
    return { receipts, keys, held: found.held };
  }

  return {
    find,
    subjectHash: hashSubject,
    erase: (what, event, exceptHeld = false) =>
      inTurn(async () => {
        const { held, keys } = await find(what);
        if (held[0] !== undefined && !exceptHeld) throw heldBack(held[0].hold, 0, keys.length);
        return erase(what, event, exceptHeld);
      }),
    resume: () =>
      inTurn(() => destroy([...registry.current().erasing])).catch((error: unknown) => {
        options.onWarning?.(
          `${asTallyError(error).message}; keys that were to be erased may still be there, the next start tries again`,
        );
      }),
    async stop() {
      stopping = true;
      await inTurn(async () => undefined);
    },
  };
}

function heldBack(hold: Hold, erased: number, all: number): TallyError {
  const done = erased === 0 ? 'nothing was erased' : `${erased} of ${all} keys were erased before it came`;
  return new TallyError('HELD', `${holdText(hold)} stands on what was to be erased; ${done}`, {
    hint: `when it is over: tally hold release ${hold.hold_id}`,
    details: { hold_id: hold.hold_id },
  });
}
