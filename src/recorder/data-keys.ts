/**
 * Data keys of this start: one for each run, subject and class, made when it is first needed and durable before it is
 * used.
 *
 * Why no nonce comes twice under a key: a key seals only in the process that made it, so nothing about its nonces has to
 * survive a crash; they are random, and a key is given up for a new one after `LIMITS.dataKeyUses`. A restart, or coming
 * back after leaving the cache, makes another key for the same run, subject and class. Old keys are for reading.
 */

import { GCM_NONCE_BYTES } from '../core/aes-gcm.ts';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { DATA_KEY_BYTES } from '../core/payload/blob.ts';
import { encodeDataKey, wrappingKey } from '../core/payload/data-key.ts';
import { subjectHasher } from '../core/payload/key-names.ts';
import type { DataKeyStore, Random } from '../core/ports.ts';

export interface DataKeyFor {
  readonly class: string;
  readonly run_id?: string;
  readonly subject?: string;
}

/** A key that is durable. Its bytes stay until it is given back, whatever becomes of the cache. */
export interface LeasedKey {
  readonly keyId: string;
  readonly key: Uint8Array;
  release(): void;
}

export interface DataKeys {
  /** For one payload. Errors of the store leave nothing behind: the next call tries again. */
  lease(of: DataKeyFor): Promise<LeasedKey>;
  /** Resolves when these keys seal nothing any more, and never will: whoever comes later gets another one. */
  retire(keyIds: ReadonlySet<string>): Promise<void>;
  /** Destroys a key, here and in the store. */
  erase(keyId: string): Promise<void>;
  /** Wipes what is held. */
  close(): void;
}

interface Held {
  readonly keyId: string;
  readonly key: Uint8Array;
  uses: number;
  leases: number;
  dropped: boolean;
}

export function createDataKeys(options: {
  readonly tenant: string;
  readonly store: DataKeyStore;
  readonly masterKey: Uint8Array;
  readonly random: Random;
  readonly ulid: (nowMs: number) => string;
  readonly now: () => number;
  /** Keys held at once, and payloads under one of them; tests make them few. */
  readonly most?: number;
  readonly uses?: number;
}): DataKeys {
  const { store, random } = options;
  const most = options.most ?? LIMITS.dataKeys;
  const mostUses = options.uses ?? LIMITS.dataKeyUses;
  const wrapping = wrappingKey(options.masterKey);
  const hashSubject = subjectHasher(options.masterKey);
  /** Least recently used first. */
  const held = new Map<string, Promise<Held>>();
  /** Dropped ones that may still be in use. */
  const retired = new Set<Held>();
  let closed = false;

  async function make({ run_id, subject, class: of }: DataKeyFor): Promise<Held> {
    const nowMs = options.now();
    const keyId = `key_${options.ulid(nowMs)}`;
    const key = random(DATA_KEY_BYTES);
    const about = {
      key_id: keyId,
      tenant_id: options.tenant,
      class: of,
      ...(run_id === undefined ? {} : { run_id }),
      ...(subject === undefined ? {} : { subject_hash: hashSubject(subject) }),
      created: new Date(nowMs).toISOString(),
    };
    await store.put(keyId, encodeDataKey(about, key, wrapping, random(GCM_NONCE_BYTES)));
    return { keyId, key, uses: 0, leases: 0, dropped: false };
  }

  function wipeIfFree(entry: Held): void {
    if (entry.dropped && entry.leases === 0) entry.key.fill(0);
  }

  /** From now on it seals nothing new; who has leased it still does. */
  function drop(name: string): void {
    const entry = held.get(name);
    held.delete(name);
    entry?.then(
      (dropped) => {
        dropped.dropped = true;
        if (dropped.leases > 0) retired.add(dropped);
        wipeIfFree(dropped);
      },
      // Whoever waits for it is told; there is no key to wipe.
      () => undefined,
    );
  }

  function hold(name: string, of: DataKeyFor): Promise<Held> {
    const known = held.get(name);
    const entry = known ?? make(of);
    // Again at the end: the map is in the order of use.
    held.delete(name);
    held.set(name, entry);
    if (known === undefined) {
      entry.catch(() => {
        if (held.get(name) === entry) held.delete(name);
      });
      const [oldest] = held.keys();
      if (held.size > most && oldest !== undefined) drop(oldest);
    }
    return entry;
  }

  return {
    async lease(of) {
      if (closed)
        throw new TallyError('LOG_CLOSED', 'the recorder is closed', {
          hint: 'start it again with `tally up`',
        });
      const name = JSON.stringify([of.run_id ?? null, of.subject ?? null, of.class]);
      for (;;) {
        const entry = await hold(name, of);
        if (entry.dropped) continue;
        if (entry.uses >= mostUses) {
          drop(name);
          continue;
        }
        entry.uses++;
        entry.leases++;
        let given = true;
        return {
          keyId: entry.keyId,
          key: entry.key,
          release() {
            if (given) entry.leases--;
            given = false;
            if (entry.leases === 0) retired.delete(entry);
            wipeIfFree(entry);
          },
        };
      }
    },
    async retire(keyIds) {
      for (const [name, entry] of [...held]) {
        const known = await entry.catch(() => undefined);
        if (known === undefined || !keyIds.has(known.keyId)) continue;
        if (held.get(name) === entry) drop(name);
        retired.add(known);
      }
      // Whoever was being given one of them has it by then.
      await new Promise((resolve) => setImmediate(resolve));
      for (const entry of retired) {
        // As long as an entry under it takes to become durable.
        while (entry.leases > 0) await new Promise((resolve) => setImmediate(resolve));
        retired.delete(entry);
      }
    },
    async erase(keyId) {
      for (const [name, entry] of [...held]) {
        const known = await entry.catch(() => undefined);
        if (known?.keyId === keyId && held.get(name) === entry) drop(name);
      }
      await store.erase(keyId);
    },
    close() {
      closed = true;
      for (const name of [...held.keys()]) drop(name);
      wrapping.fill(0);
    },
  };
}
