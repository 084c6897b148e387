/**
 * Erases payloads by destroying their data keys: `log.erase` names them and is durable first. Not so the other way round:
 * a key that is gone although nobody said so would be a loss. Every proof of every entry still holds.
 */
import type { Event } from '../core/entry.ts';
import { asTallyError, TallyError } from '../core/error.ts';
import type { DataKeyFile } from '../core/payload/data-key.ts';
import { subjectHasher } from '../core/payload/key-names.ts';
import type { DataKeyStore, LogReader } from '../core/ports.ts';
import { KEYS_AN_ENTRY, LOG_ERASE } from '../core/retention/erase-entry.ts';
import { type Hold, holdText } from '../core/retention/hold.ts';
import type { Producer, Receipt } from './api.ts';
import { type EraseWhat, type Found, findKeys, holdOnKey, matchingKeys } from './erase-find.ts';
import type { Payloads } from './payloads.ts';
import type { RegistryHolder } from './registry.ts';
import type { Sequenced } from './sequencer.ts';
import { createTurns } from './turns.ts';

export type Sequence = (event: Event, producer: Producer) => Sequenced;

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

export interface EraserOptions {
  readonly store: LogReader;
  readonly keys: DataKeyStore | undefined;
  readonly payloads: Pick<Payloads, 'eraseKey' | 'retire'> | undefined;
  readonly registry: RegistryHolder;
  readonly masterKey: Uint8Array;
  readonly sequence: Sequence;
  readonly onWarning: ((text: string) => void) | undefined;
}

export function createEraser(options: EraserOptions): Eraser {
  const { store, registry } = options;
  const hashSubject = subjectHasher(options.masterKey);
  const inTurn = createTurns();
  let stopping = false;

  const ground = () => ({
    log: store,
    keys: options.keys,
    holds: [...registry.current().holds.values()],
    hashSubject,
  });
  const find = (what: EraseWhat): Promise<Found> => findKeys(what, ground());
  const holdOn = (about: DataKeyFile): Hold | undefined => holdOnKey(about, ground().holds);

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
    const keyIds = new Set((await matchingKeys(what, ground())).map(({ key_id }) => key_id));
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
