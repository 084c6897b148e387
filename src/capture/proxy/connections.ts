/** What is known of the connections to the broker, and what is counted of them and of what comes on them. */
import type { Duplex } from 'node:stream';
import type { Forwarded } from './arrival.ts';
import type { Underway } from './garbage.ts';

export interface Connections {
  /** What each has still to be answered, in its order. */
  readonly busy: WeakMap<Duplex, Underway[]>;
  /** What is read inside of a CONNECT: decrypted, or plain. */
  readonly inside: WeakMap<Duplex, { readonly around: Forwarded; used: boolean }>;
  /** Those that came by the Unix socket. */
  readonly unix: WeakSet<Duplex>;
}

export const createConnections = (): Connections => ({
  busy: new WeakMap(),
  inside: new WeakMap(),
  unix: new WeakSet(),
});

export interface Counts {
  /** Under way now. */
  active: number;
  calls: number;
  /** Refused or ended without an entry: no control headers, another path, no token yet, bytes that are no HTTP. */
  strays: number;
  /** Connections beyond LIMITS.clientConnections. */
  dropped: number;
}

export const noCounts = (): Counts => ({ active: 0, calls: 0, strays: 0, dropped: 0 });
