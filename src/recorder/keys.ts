/**
 * Key rotation: another key takes over, bound to the log, and the old private key is erased. Whoever takes the machine
 * afterwards can sign no other past. The steps, and what a crash means between any two of them: spec/log.md.
 */
import type { Event } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { encodeLogInfo, type LogInfo } from '../core/loginfo.ts';
import type { LogStore, ObjectStore } from '../core/ports.ts';
import type { Redactor } from '../core/redact/redact.ts';
import { signCheckpoint } from '../core/tlog/checkpoint.ts';
import type { Signer } from '../core/tlog/key.ts';
import { KEY_ROTATE, rotationName } from '../core/tlog/key-history.ts';
import type { Producer, Receipt } from './api.ts';
import type { Checkpointer, Held } from './checkpointer.ts';
import { damaged } from './claims.ts';
import type { FoundRotation } from './found-rotation.ts';
import { type LogKeys, requireSame } from './key-start.ts';
import type { Sequenced } from './sequencer.ts';

/** The private keys of one log, where they lie. */
export interface KeyFiles {
  /** A key that was prepared and did not take the place of the log's yet. */
  readonly next: Signer | undefined;
  /** Makes a key for the log, durable, beside its current one. Rejects while there is one already. */
  prepare(origin: string): Promise<Signer>;
  /** Erases the prepared key, which nothing binds. */
  discard(): Promise<void>;
  /** Overwrites and erases the log's key, and puts the prepared one in its place. Can be repeated. */
  promote(): Promise<void>;
}

export interface Rotated extends Receipt {
  readonly old: string;
  readonly new: string;
  /** The size at which the new key took over. */
  readonly size: number;
  /** Why the old private key could not be erased; the rotation stands, and the next start tries again. */
  readonly notErased?: string;
}

export interface KeyPlaces {
  readonly store: Pick<LogStore, 'objects'>;
  readonly heads: ObjectStore;
  /** Directory name of the log. */
  readonly name: string;
}

/** What this start does about keys, decided before anything is written. */
export interface KeyPlan {
  readonly signer: Signer;
  /** A rotation that a crash cut short, to be completed first. */
  readonly complete: { readonly found: FoundRotation; readonly next: Signer } | undefined;
  /** What becomes of a prepared key file. */
  readonly files: 'keep' | 'promote' | 'discard';
}

/** Errors: `LOG_DAMAGED` when no private key on this machine is the one that signs this log. */
export function planKeys(
  keys: LogKeys,
  signer: Signer,
  next: Signer | undefined,
  found: FoundRotation | undefined,
): KeyPlan {
  const last = keys.spans.at(-1)?.verifier.vkey;
  const own = [signer, next].find((key) => key?.vkey === last);
  if (own === undefined) {
    throw new TallyError('LOG_DAMAGED', 'the signing key on this machine is not one of this log', {
      hint: 'restore the key file that belongs to this log; `tally key list` shows both',
    });
  }
  const { begun } = keys;
  const fits =
    found?.next === next?.vkey && found?.old === last && (begun?.size ?? found?.size) === found?.size;
  if (found !== undefined && next !== undefined && fits)
    return { signer: own, complete: { found, next }, files: 'promote' };
  if (begun !== undefined)
    throw damaged(
      `${rotationName(begun.size)} gives the log to a key that is not on this machine, or to none`,
    );
  if (next === undefined) return { signer: own, complete: undefined, files: 'keep' };
  return { signer: own, complete: undefined, files: own === next ? 'promote' : 'discard' };
}

/**
 * Binds `next` to the log at `size`. Can be repeated: the same bytes come out. The order is what a crash relies on: the
 * entry is durable, then the note beside the log, then outside of it, then log.json, then checkpoint and head.
 */
export async function bindKey(
  { store, heads, name }: KeyPlaces,
  info: LogInfo,
  held: Held,
  {
    size,
    root,
    old,
    next,
  }: { readonly size: number; readonly root: Uint8Array; readonly old: Signer; readonly next: Signer },
): Promise<LogInfo> {
  const note = signCheckpoint({ origin: info.origin, size, root }, [old, next]);
  const file = rotationName(size);
  requireSame(await store.objects.get(file), note, file);
  await store.objects.put(file, note);
  await heads.put(`${name}/${file}`, note);
  const earlier = info.keys.filter(({ from }) => from < size);
  const bound = { ...info, keys: [...earlier, { vkey: next.vkey, from: size }] };
  await store.objects.put('log.json', encodeLogInfo(bound));
  await held.replace(note, size, next);
  return bound;
}

/**
 * A key whose text a redaction rule would alter could not be bound: the entry would name another one. Rare, and then
 * another key is made; for the old key nothing can be done but to say so.
 */
export function requireReadable(redactor: Redactor, vkey: string): void {
  if (redactor.redactText(vkey).count === 0) return;
  throw new TallyError('BAD_CONFIG', 'a redaction rule or a known secret matches the text of the key', {
    hint: 'look for a secret or an added pattern that is part of what `tally key list` prints; nothing was changed',
  });
}

export interface Keys {
  /** Of the key that signs now. */
  vkey(): string;
  /** Why a private key that signs no more still lies on this machine. */
  notErased(): string | undefined;
  /** Completes what a crash cut short. Before the first entry of this start. */
  start(): Promise<void>;
  /**
   * Resolves when another key signs and is bound by an entry, a note and log.json, all durable. Nothing is signed
   * meanwhile; entries are taken as ever. Errors before its entry change nothing; later ones end the writer, and the
   * next start completes the rotation.
   */
  rotate(event: Event): Promise<Rotated>;
}

const OWN: Producer = { surface: 'server', assurance: 'enforced' };

export function createKeys(options: {
  readonly places: KeyPlaces;
  readonly info: LogInfo;
  readonly plan: KeyPlan;
  readonly files: KeyFiles | undefined;
  readonly redactor: Redactor;
  readonly checkpointer: Pick<Checkpointer, 'hold'>;
  /** Throws when the writer is dead or closing. */
  readonly refuse: () => void;
  /** Places an event at once. */
  readonly sequence: (event: Event, producer: Producer) => Sequenced;
  readonly fail: (error: TallyError) => void;
}): Keys {
  const { places, plan, files, redactor, checkpointer } = options;
  let { info } = options;
  let signer = plan.signer;
  let leftover: string | undefined;

  async function settleFiles(change: () => Promise<void>): Promise<void> {
    try {
      await change();
      leftover = undefined;
    } catch (error) {
      // The log goes on: what is left over is told, and tried again.
      leftover = error instanceof Error ? error.message : String(error);
    }
  }

  async function prepare(from: KeyFiles): Promise<Signer> {
    if (leftover !== undefined) await from.promote();
    requireReadable(redactor, signer.vkey);
    const next = await from.prepare(info.origin);
    try {
      requireReadable(redactor, next.vkey);
      // A reader of a note could not tell two keys with one id apart.
      if (next.keyId === signer.keyId)
        throw new TallyError('INTERNAL', 'the new key has the id of the old one');
      return next;
    } catch (error) {
      await from.discard();
      throw error;
    }
  }

  async function rotateAlone(from: KeyFiles, event: Event, held: Held): Promise<Rotated> {
    options.refuse();
    const old = signer;
    const next = await prepare(from);
    let sequenced: Sequenced;
    try {
      options.refuse();
      const metadata = { ...event.metadata, old: old.vkey, new: next.vkey };
      sequenced = options.sequence({ ...event, type: KEY_ROTATE, phase: 'point', metadata }, OWN);
    } catch (error) {
      await from.discard();
      throw error;
    }
    const size = sequenced.receipt.index + 1;
    // In the same turn: the entry is not in the tree yet.
    const root = held.rootAt(size);
    try {
      await sequenced.done;
      info = await bindKey(places, info, held, { size, root: root(), old, next });
    } catch (error) {
      options.fail(asFailure(error));
      throw error;
    }
    signer = next;
    await settleFiles(from.promote);
    return {
      ...sequenced.receipt,
      old: old.vkey,
      new: next.vkey,
      size,
      ...(leftover === undefined ? {} : { notErased: leftover }),
    };
  }

  return {
    vkey: () => signer.vkey,
    notErased: () => leftover,
    async start() {
      const { complete } = plan;
      if (complete !== undefined) {
        const { found, next } = complete;
        info = await checkpointer.hold((held) =>
          bindKey(places, info, held, { ...found, old: signer, next }),
        );
        signer = next;
      }
      if (files !== undefined && plan.files === 'promote') await settleFiles(files.promote);
      if (files !== undefined && plan.files === 'discard') await settleFiles(files.discard);
    },
    async rotate(event) {
      if (files === undefined) {
        throw new TallyError('BAD_CONFIG', 'this recorder was not given the place of its private key', {
          hint: 'rotate with the program that keeps the key',
        });
      }
      return checkpointer.hold((held) => rotateAlone(files, event, held));
    },
  };
}

function asFailure(error: unknown): TallyError {
  if (error instanceof TallyError) return error;
  return new TallyError(
    'LOG_WRITE_FAILED',
    `cannot complete the rotation of the key: ${error instanceof Error ? error.message : String(error)}`,
    { hint: 'start the recorder again: it completes the rotation from what is on disk', cause: error },
  );
}
