/** What a CONNECT is handled with. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Decision, Event } from '../../core/entry.ts';
import type { Ask, Claims, Recorder } from '../../recorder/api.ts';
import type { Leaves } from '../ca/leaves.ts';
import type { Forwarded } from './arrival.ts';
import type { ActedOn } from './call.ts';
import type { Callers } from './caller.ts';
import type { Connection } from './connect-events.ts';
import type { Flights } from './flight.ts';
import type { Holds } from './hold.ts';
import type { IsOwnPort } from './loop.ts';
import type { Journal } from './refuse.ts';
import type { AddressBook } from './resolve.ts';
import type { Stands } from './standing.ts';
import type { Place } from './whose.ts';

export interface ConnectDeps extends Journal, Place {
  readonly recorder: Pick<
    Recorder,
    'identify' | 'decide' | 'tenant' | 'policy' | 'principal' | 'runPid' | 'waitForApproval'
  >;
  readonly act: (ask: Ask, event: (decision: Decision) => Event) => Promise<ActedOn>;
  readonly callers: Pick<Callers, 'of'> | undefined;
  readonly book: AddressBook;
  readonly flights: Flights;
  readonly isOwnPort: IsOwnPort;
  /** Callers that wait for a person, and tunnels that stand. */
  readonly holds: Holds;
  readonly tunnels: Pick<Holds, 'take'>;
  readonly stands: Pick<Stands, 'watch'>;
  /** Undefined: there is no authority to make certificates with, and no TLS ends here. */
  readonly leaves: Leaves | undefined;
  readonly connectMs: number;
  readonly handshakeMs: number;
  readonly tunnelIdleMs: number;
  readonly tunnelHalfOpenMs: number;
  readonly whileOpen: (abort: () => void) => () => void;
  /** Calls `hurry` when the broker begins to close. */
  readonly whileServing: (hurry: () => void) => () => void;
  readonly onStray: () => void;
  readonly isClosing: () => boolean;
  /** Reads requests from `inner` as the listener does. Returns whether there was one. */
  readonly serve: (inner: Duplex, around: Forwarded) => () => boolean;
}

/** What a CONNECT is made of, once it is read. */
export interface Asked {
  readonly socket: Socket;
  readonly head: Buffer;
  readonly connection: Connection;
  readonly claims: Claims;
  readonly started: number;
}

export const elapsedMs = (started: number): number => Math.round((performance.now() - started) * 1000) / 1000;
