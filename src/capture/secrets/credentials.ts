/**
 * Credentials for the broker, by the name that a policy gives them: out of the local vault, or from where the machine's
 * configuration says they are kept. What came from elsewhere is remembered for a minute, in memory, in one buffer each
 * that is wiped when it is over; another value under the same name is noticed then, or at once when an upstream refused
 * the one we had.
 */
import { LIMITS } from '../../core/limits.ts';
import type { Providers } from './provider.ts';
import { resolveSecret } from './resolve.ts';
import type { Vault, VaultListener } from './vault.ts';

export interface Held {
  /** A fresh buffer; whoever asked wipes it. */
  readonly value: Buffer;
  /** Changes when the value does. */
  readonly version: string;
}

export interface CredentialSource {
  /** A promise only where another store has to be asked. */
  get(name: string): Held | undefined | Promise<Held | undefined>;
  onChange(listener: VaultListener): () => void;
  /** Where it is looked for, without credentials; undefined: in the local vault. */
  placeOf?(name: string): string | undefined;
  /** Which place gave the value that is used now, without credentials; undefined: the local vault. */
  servedBy?(name: string): string | undefined;
  /** An upstream took it for none: it may have been replaced where it is kept. */
  refused?(name: string): void;
}

export interface SourceOptions {
  readonly vault: Pick<Vault, 'get' | 'onChange'>;
  /** What the machine's configuration says of where its own secrets are kept. */
  readonly providers: Providers;
  /** A value that this process knows from now on: it must reach no entry. */
  readonly known: (name: string, value: Buffer) => void;
  /** Milliseconds, rising. */
  readonly now: () => number;
}

interface Kept {
  readonly value: Buffer;
  readonly version: string;
  readonly until: number;
}

export function createCredentialSource(options: SourceOptions): CredentialSource & { close(): void } {
  const { vault, providers, known, now } = options;
  const kept = new Map<string, Kept>();
  const asking = new Map<string, Promise<Held | undefined>>();
  const listeners = new Set<VaultListener>();
  /** What served it last; no more names than the configuration and the policy have. */
  const served = new Map<string, string>();
  let versions = 0;

  const isElsewhere = (name: string): boolean =>
    providers.own.get(name)?.providers !== undefined || providers.usual.some((spec) => spec !== 'tally');

  function drop(name: string): void {
    kept.get(name)?.value.fill(0);
    kept.delete(name);
  }

  function remember(name: string, value: Buffer): Held {
    const before = kept.get(name);
    const same = before?.value.equals(value) === true;
    const version = same ? before.version : `fetched-${++versions}`;
    drop(name);
    for (const oldest of kept.keys()) {
      if (kept.size < LIMITS.heldCredentials) break;
      drop(oldest);
    }
    kept.set(name, { value: Buffer.from(value), version, until: now() + LIMITS.heldCredentialMs });
    if (!same) {
      known(name, value);
      for (const listener of listeners) listener(name, value);
    }
    setTimeout(() => sweep(name), LIMITS.heldCredentialMs + 1).unref();
    return { value, version };
  }

  function sweep(name: string): void {
    const found = kept.get(name);
    if (found !== undefined && found.until <= now()) drop(name);
  }

  async function fetch(name: string): Promise<Held | undefined> {
    const { value, provider } = await resolveSecret(undefined, '', name, providers);
    if (value === undefined) return undefined;
    if (provider !== undefined) served.set(name, provider);
    return remember(name, value);
  }

  /** Several calls at once ask the store once; each gets a buffer of its own. */
  async function once(name: string): Promise<Held | undefined> {
    const running = asking.get(name);
    if (running !== undefined) {
      const found = await running;
      const held = kept.get(name);
      if (found === undefined || held === undefined) return fetch(name);
      return { value: Buffer.from(held.value), version: held.version };
    }
    const work = fetch(name).finally(() => asking.delete(name));
    asking.set(name, work);
    return work;
  }

  return {
    get(name) {
      if (!isElsewhere(name)) return vault.get(name);
      const found = kept.get(name);
      if (found !== undefined && found.until > now())
        return { value: Buffer.from(found.value), version: found.version };
      return once(name);
    },
    onChange(listener) {
      listeners.add(listener);
      const stop = vault.onChange(listener);
      return () => {
        listeners.delete(listener);
        stop();
      };
    },
    placeOf: (name) =>
      isElsewhere(name)
        ? (providers.own.get(name)?.providers ?? providers.usual).map(shown).join(',')
        : undefined,
    servedBy: (name) => served.get(name),
    refused(name) {
      const found = kept.get(name);
      // The next call asks again, and knows a value that is the same from one that is new.
      if (found !== undefined) kept.set(name, { ...found, until: 0 });
    },
    close() {
      for (const name of [...kept.keys()]) drop(name);
      listeners.clear();
    },
  };
}

/** An alias or the name of a provider: what follows in an address is for the records of who served it. */
function shown(spec: string): string {
  return /^[A-Za-z][A-Za-z0-9+_.-]*/.exec(spec)?.[0] ?? 'unknown';
}
