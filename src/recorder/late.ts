/**
 * The pruner and the eraser, loaded with the first thing that is to go, and what keeps payloads, with the first of them. A
 * start mostly finds nothing that an earlier one left, and who asks for one secret asks for nothing of them.
 */
import { subjectHasher } from '../core/payload/key-names.ts';
import type { Eraser, EraserOptions } from './erase.ts';
import type { Payloads, PayloadsOptions } from './payloads.ts';
import type { Pruner, PrunerOptions } from './prune.ts';

interface Late<T> {
  get(): Promise<T>;
  /** Undefined before it was loaded. */
  now(): T | undefined;
  stop(): Promise<void>;
}

/** One that is made after `stop` is stopped before anybody has it. */
function late<T extends { stop(): Promise<void> }>(make: () => Promise<T>): Late<T> {
  let made: Promise<T> | undefined;
  let now: T | undefined;
  let stopping = false;

  async function load(): Promise<T> {
    const one = await make();
    if (stopping) await one.stop();
    now = one;
    return one;
  }

  return {
    get: () => (made ??= load()),
    now: () => now,
    async stop() {
      stopping = true;
      await (await made)?.stop();
    },
  };
}

/** `now`: of a recorder that is there for more than one access, so that whoever brings one is not held up by the loading. */
export async function latePayloads(options: PayloadsOptions, now: boolean): Promise<Payloads> {
  const payloads = late(async () => {
    const made = (await import('./payloads.ts')).createPayloads(options);
    return { ...made, stop: made.close };
  });
  if (now) await payloads.get();
  return {
    // At once where it can be: an event whose payload is not kept has its place when `carry` returns.
    async carry(event, producer, record) {
      return (payloads.now() ?? (await payloads.get())).carry(event, producer, record);
    },
    eraseKey: async (keyId) => (await payloads.get()).eraseKey(keyId),
    retire: async (keyIds) => (await payloads.get()).retire(keyIds),
    async close() {
      if (payloads.now() === undefined) await options.packs.close();
      await payloads.stop();
    },
  };
}

export function latePruner(options: PrunerOptions): Pruner {
  const pruner = late(async () => (await import('./prune.ts')).createPruner(options));
  // Whatever an earlier start left half done, the log tells of.
  const begun = (): boolean => options.registry.current().prunes.length > 0;
  return {
    plan: async (request) => (await pruner.get()).plan(request),
    prune: async (request, event) => (await pruner.get()).prune(request, event),
    resume: async () => (begun() ? (await pruner.get()).resume() : undefined),
    removing: () => pruner.now()?.removing(),
    failure: () => pruner.now()?.failure(),
    stop: pruner.stop,
  };
}

export function lateEraser(options: EraserOptions): Eraser {
  const eraser = late(async () => (await import('./erase.ts')).createEraser(options));
  const begun = (): boolean => options.registry.current().erasing.size > 0;
  return {
    find: async (what) => (await eraser.get()).find(what),
    erase: async (what, event, exceptHeld) => (await eraser.get()).erase(what, event, exceptHeld),
    resume: async () => (begun() ? (await eraser.get()).resume() : undefined),
    subjectHash: (subject) => subjectHasher(options.masterKey)(subject),
    stop: eraser.stop,
  };
}
