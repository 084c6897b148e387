/** The private keys of a log in memory: what lies there outlives the recorder. */
import { makeKeyPair, type Signer, signerFromSkey } from '../../src/core/tlog/key.ts';
import type { KeyFiles } from '../../src/recorder/keys.ts';

/** skeys by their place; "" is a file that was overwritten. */
export interface MemoryKeys {
  current?: string;
  next?: string;
}

/** As the file driver: an overwritten key is stood for by the prepared one. */
export function memoryKeyFiles(
  keys: MemoryKeys,
  random: (size: number) => Uint8Array,
): KeyFiles & { readonly signer: Signer } {
  const read = (skey: string | undefined) =>
    skey === undefined || skey === '' ? undefined : signerFromSkey(skey);
  const next = read(keys.next);
  const signer = read(keys.current) ?? next;
  if (signer === undefined) throw new Error('no private key is left');
  return {
    signer,
    next,
    async prepare(origin) {
      keys.next = makeKeyPair(origin, random(32)).skey;
      return signerFromSkey(keys.next);
    },
    async discard() {
      delete keys.next;
    },
    async promote() {
      if (keys.next === undefined) throw new Error('there is no prepared key');
      keys.current = keys.next;
      delete keys.next;
    },
  };
}
