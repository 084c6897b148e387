/** A WebSocket that stands: its bytes both ways, until a side ends it, and its one post_exec. */
import type { Socket } from 'node:net';
import type { Outcome } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import { CLOSING } from './failure.ts';
import type { Flight } from './flight.ts';
import type { Holds } from './hold.ts';
import type { Journal } from './refuse.ts';
import type { Scrubber } from './scrub.ts';
import { type Settling, settle } from './settle.ts';
import type { Begun, Stands } from './standing.ts';
import { type TunnelEnd, tunnel } from './tunnel.ts';
import { inspectorOf } from './upgrade.ts';

export interface StandingDeps extends Journal {
  readonly tunnels: Pick<Holds, 'take'>;
  readonly stands: Pick<Stands, 'watch'>;
  readonly tunnelIdleMs: number;
  readonly tunnelHalfOpenMs: number;
  /** Calls `abort` when the broker closes, and `hurry` when it begins to. */
  readonly whileOpen: (abort: () => void) => () => void;
  readonly whileServing: (hurry: () => void) => () => void;
}

export interface Upgraded {
  readonly upstream: Socket;
  /** Headers of the 101. */
  readonly pairs: readonly string[];
  readonly scrubber: Scrubber;
  readonly flight: Flight;
  readonly begun: Begun;
  readonly host: string;
  /** Of the post_exec. */
  readonly metadata: Record<string, unknown>;
  /** Gives its place back. */
  readonly release: () => void;
}

export function standAsWebSocket(deps: StandingDeps, call: Settling, up: Upgraded): void {
  const { response, request, upgrade } = call.exchange;
  response.writeHead(101, [...up.pairs, 'X-Tally-Entry', call.preId]);
  response.flushHeaders();
  const { scrubber, flight } = up;
  let unwatch = (): void => undefined;
  const standing = tunnel(request.socket, up.upstream, upgrade?.head ?? Buffer.alloc(0), {
    host: up.host,
    idleMs: deps.tunnelIdleMs,
    halfOpenMs: deps.tunnelHalfOpenMs,
    inspect: inspectorOf(scrubber),
    onEnd(end) {
      leave();
      stay();
      unwatch();
      flight.land();
      up.release();
      settle(deps, call, outcomeOf(end, scrubber), { ...up.metadata, websocket: true, ended_by: end.by });
    },
  });
  const leave = deps.whileOpen(() => standing.fail(CLOSING));
  const stay = deps.whileServing(() => standing.hurry(LIMITS.tunnelDrainMs));
  unwatch = deps.stands.watch({ ...up.begun, claims: call.facts.control.claims, end: standing.fail });
  flight.onKill((failure) => standing.fail(failure));
}

function outcomeOf({ failure, sent, received }: TunnelEnd, scrubber: Scrubber): Outcome {
  const hits = scrubber.hits();
  return {
    status: failure?.status ?? 'ok',
    status_code: 101,
    ...(failure === undefined ? {} : { error_kind: failure.kind, error: failure.text }),
    bytes_in: sent,
    bytes_out: received,
    redacted: hits.count > 0,
    ...(hits.count > 0 ? { redaction: hits } : {}),
  };
}
