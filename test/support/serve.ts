import type { Client } from '../../src/recorder/ops.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import type { Handle } from '../../src/recorder/requests.ts';
import { createService, type ServiceOptions } from '../../src/recorder/service.ts';
import { createTurns } from '../../src/recorder/turns.ts';
import { countingRandom, type Machine } from './recorder.ts';

export const PERSON: Client = { surface: 'cli', user: 'ada', uid: 1000, pid: 4242 };

export interface Served {
  readonly box: Machine;
  readonly recorder: LocalRecorder;
  readonly handle: Handle;
  readonly written: string[];
}

export interface Operator {
  readonly protected?: boolean;
  readonly token?: string;
  readonly writeMs?: number;
  /** Of programs that are gone. */
  readonly graceMs?: number;
  readonly processes?: ServiceOptions['processes'];
}

/** The requests of clients, over a recorder in memory. */
export async function serve(
  box: Machine,
  operator: Operator & { readonly policy?: string; readonly owner?: { readonly id: string } } = {},
): Promise<Served> {
  const recorder = await box.open({
    ...(operator.policy === undefined ? {} : { policy: operator.policy }),
    ...(operator.owner === undefined ? {} : { owner: operator.owner }),
  });
  return { box, recorder, ...serviceOf(recorder, operator) };
}

/** `create`: the service of a recorder that lives for long, or of one that is there for one access. */
export function serviceOf(
  recorder: LocalRecorder,
  operator: Operator = {},
  create: (options: ServiceOptions) => Handle = createService,
): Pick<Served, 'handle' | 'written'> {
  const written: string[] = [];
  const handle = create({
    recorder,
    random: countingRandom('service'),
    version: '0.0.0-test',
    pid: 1,
    broker: () => ({}),
    writePolicy: async (text) => {
      await new Promise((resolve) => setTimeout(resolve, operator.writeMs ?? 0));
      written.push(text);
    },
    operator: {
      isProtected: async () => operator.protected ?? false,
      check: async (token) => token === operator.token,
    },
    policyTurn: createTurns(),
    ...(operator.processes === undefined ? {} : { processes: operator.processes }),
    graceMs: operator.graceMs,
  });
  return { handle, written };
}
