/**
 * Certificates for the hosts whose TLS ends here, made when a program first asks for one and kept while they are used.
 * All of one process have one key, which is never stored: a leaf dies with its broker.
 */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { LIMITS } from '../../core/limits.ts';
import { type Authority, type CaHome, type Clock, caMark, ensureCa } from './authority.ts';

export interface Leaves {
  /** For a TLS server that passes for `host`. Rejects with CA_UNREADABLE. Asking again is cheap. */
  of(host: string): SecureContext | Promise<SecureContext>;
}

interface Leaf {
  readonly context: SecureContext;
  readonly until: number;
}

type Mint = typeof import('./certificate.ts').leafCertificate;

interface Ready {
  readonly authority: Authority;
  readonly mark: string | undefined;
  readonly mint: Mint;
}

const HOUR_MS = 60 * 60 * 1000;

export function createLeaves(home: CaHome, now: Clock): Leaves {
  /** Least recently used first. */
  const leaves = new Map<string, Leaf>();
  let key:
    | { readonly privateKey: KeyObject; readonly publicKey: KeyObject; readonly pem: string }
    | undefined;
  let ready: Ready | undefined;
  let loading: Promise<Ready> | undefined;

  async function load(): Promise<Ready> {
    const { leafCertificate } = await import('./certificate.ts');
    const authority = await ensureCa(home, now);
    leaves.clear();
    return { authority, mark: caMark(home), mint: leafCertificate };
  }

  function make({ authority, mint }: Ready, host: string): SecureContext {
    if (key === undefined) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      key = { ...pair, pem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    }
    const at = now();
    // A program's clock may be behind ours, in a container for one.
    const span = { from: new Date(at - 24 * HOUR_MS), until: new Date(at + LIMITS.leafHours * HOUR_MS) };
    const cert = mint(authority, host, key.publicKey, span, randomBytes(16));
    // No authorities: clients show no certificates here, and the usual ones take milliseconds to load.
    const context = createSecureContext({ key: key.pem, cert, ca: [], minVersion: 'TLSv1.2' });
    if (leaves.size >= LIMITS.leafCertificates) leaves.delete(leaves.keys().next().value ?? '');
    leaves.set(host, { context, until: at + (LIMITS.leafHours / 2) * HOUR_MS });
    return context;
  }

  function kept(host: string): SecureContext | undefined {
    const leaf = leaves.get(host);
    if (leaf === undefined) return undefined;
    leaves.delete(host);
    if (leaf.until < now()) return undefined;
    leaves.set(host, leaf);
    return leaf.context;
  }

  return {
    of(host) {
      // `tally ca renew` may have put another one there; programs that were started since trust only that one.
      if (ready !== undefined && caMark(home) === ready.mark && now() < ready.authority.until)
        return kept(host) ?? make(ready, host);
      loading ??= load().finally(() => {
        loading = undefined;
      });
      return loading.then((loaded) => {
        ready = loaded;
        return kept(host) ?? make(loaded, host);
      });
    },
  };
}
