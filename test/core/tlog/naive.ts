/** The definitions of RFC 6962 section 2.1 written down as they stand there, to hold the fast code against. */
import { hash } from 'node:crypto';

const H = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(hash('sha256', Buffer.concat(parts), 'buffer'));

const split = (n: number): number => {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
};

type Entries = readonly Uint8Array[];

export function MTH(D: Entries): Uint8Array {
  const [only] = D;
  if (only === undefined) return H();
  if (D.length === 1) return H(Uint8Array.of(0), only);
  const k = split(D.length);
  return H(Uint8Array.of(1), MTH(D.slice(0, k)), MTH(D.slice(k)));
}

export function PATH(m: number, D: Entries): Uint8Array[] {
  if (D.length === 1) return [];
  const k = split(D.length);
  return m < k
    ? [...PATH(m, D.slice(0, k)), MTH(D.slice(k))]
    : [...PATH(m - k, D.slice(k)), MTH(D.slice(0, k))];
}

function SUBPROOF(m: number, D: Entries, b: boolean): Uint8Array[] {
  if (m === D.length) return b ? [] : [MTH(D)];
  const k = split(D.length);
  return m <= k
    ? [...SUBPROOF(m, D.slice(0, k), b), MTH(D.slice(k))]
    : [...SUBPROOF(m - k, D.slice(k), false), MTH(D.slice(0, k))];
}

export const PROOF = (m: number, D: Entries): Uint8Array[] => SUBPROOF(m, D, true);
