/**
 * A store that fails on purpose. Each fault comes in two kinds: the write is lost (nothing happened), or the reply is
 * lost (it happened, and the caller is told that it did not).
 */
import type { LogStore, ObjectStore } from '../../src/core/ports.ts';

export type Fault = 'write lost' | 'reply lost' | 'torn';
export type Step = 'append' | 'openSegment' | 'put' | 'putMany' | 'seal';

export interface Plan {
  readonly step: Step;
  /** Which occurrence of the step fails, from 0. */
  readonly occurrence: number;
  readonly fault: Fault;
}

export const INJECTED = 'injected fault';

/** After the fault every further step fails, like a process that has been killed. */
export function faultyStore(store: LogStore, plan: Plan): LogStore & { readonly fired: () => boolean } {
  let seen = 0;
  let fired = false;

  async function run<T>(step: Step, act: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> {
    if (fired) throw new Error(INJECTED);
    if (step !== plan.step || seen++ !== plan.occurrence) return act();
    fired = true;
    if (plan.fault === 'reply lost') await act();
    if (plan.fault === 'torn') await half?.();
    throw new Error(INJECTED);
  }

  return {
    ...store,
    fired: () => fired,
    openSegment: (first) => run('openSegment', () => store.openSegment(first)),
    append: (bytes) =>
      run(
        'append',
        () => store.append(bytes),
        () => store.append(bytes.subarray(0, Math.floor(bytes.length / 2))),
      ),
    seal: (first, signal) => run('seal', () => store.seal(first, signal)),
    objects: {
      ...store.objects,
      put: (name, bytes, options) => run('put', () => store.objects.put(name, bytes, options)),
      putMany: (objects, options) =>
        run(
          'putMany',
          () => store.objects.putMany(objects, options),
          () => store.objects.putMany(objects.slice(0, 1), options),
        ),
    },
  };
}

/** Objects whose `occurrence`th put is lost, or is done and not confirmed. Every later one fails too. */
export function faultyObjects(
  objects: ObjectStore,
  { occurrence, fault }: Pick<Plan, 'occurrence' | 'fault'>,
): ObjectStore & { readonly fired: () => boolean } {
  let seen = 0;
  let fired = false;
  return {
    ...objects,
    fired: () => fired,
    async put(name, bytes, options) {
      if (fired) throw new Error(INJECTED);
      if (seen++ !== occurrence) return objects.put(name, bytes, options);
      fired = true;
      if (fault === 'reply lost') await objects.put(name, bytes, options);
      throw new Error(INJECTED);
    },
  };
}
