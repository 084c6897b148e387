/**
 * Names to addresses, once per call: the addresses that are checked are the ones that are connected to, so a name that
 * changes its mind in between (DNS rebinding) changes nothing.
 *
 * Remembering answers for some seconds opens no hole either: every call has its addresses checked by the policy that is
 * in force then.
 */
import { lookup } from 'node:dns/promises';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { parseAddress } from '../../core/policy/address.ts';

/** All addresses of a name, in the resolver's order. Rejects when there are none to be had. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** The machine's own resolver, /etc/hosts included. */
export const systemResolve: Resolve = async (host) => {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

export interface AddressBook {
  /** Without waiting: a literal address, or an answer that is still fresh. */
  known(host: string): readonly string[] | undefined;
  /** Rejects after LIMITS.resolveMs. */
  resolve(host: string): Promise<readonly string[]>;
}

interface Answer {
  readonly addresses: readonly string[];
  readonly until: number;
}

/** `now`: milliseconds of a clock that only goes forwards. */
export function createAddressBook(resolve: Resolve, now: () => number): AddressBook {
  const answers = new Map<string, Answer>();
  const asked = new Map<string, Promise<readonly string[]>>();

  function known(host: string): readonly string[] | undefined {
    const answer = answers.get(host);
    if (answer !== undefined) {
      if (now() < answer.until) return answer.addresses;
      answers.delete(host);
    }
    return parseAddress(host) === undefined ? undefined : [host];
  }

  async function ask(host: string): Promise<readonly string[]> {
    const addresses = await withDeadline(resolve(host), host);
    if (answers.size >= LIMITS.resolveCacheNames) answers.delete(answers.keys().next().value ?? '');
    answers.set(host, { addresses, until: now() + LIMITS.resolveCacheMs });
    return addresses;
  }

  return {
    known,
    resolve(host) {
      const running = asked.get(host);
      if (running !== undefined) return running;
      const question = ask(host).finally(() => asked.delete(host));
      asked.set(host, question);
      return question;
    },
  };
}

async function withDeadline<T>(answer: Promise<T>, host: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new TallyError('NOT_FOUND', `${host} was not resolved in ${LIMITS.resolveMs} ms`, {
            hint: 'look at the name servers of this machine',
          }),
        ),
      LIMITS.resolveMs,
    );
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
