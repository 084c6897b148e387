/** A recorder that answers the requests of src/recorder/ops.ts: the one behind a socket, or one in this process. */
import type { Event, Outcome } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ask, OpParams } from '../../recorder/ops.ts';
import type { Killed, Tell } from '../../recorder/told.ts';
import type { ActEnd, RecorderClient, RunStart, StartedRun } from '../client.ts';

/** What holds the connection, or the log. */
export interface Link {
  readonly ask: Ask;
  /** Resolves when it is gone, for whatever reason. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
  /** Past the event loop, which does not turn any more. False: it cannot be handed over. */
  last(params: OpParams<'run.last'>): boolean;
  /** After it, where the log is in this process. */
  readonly lastClose?: (reason: string) => void;
}

export interface AskingOptions {
  readonly kind: 'socket' | 'embedded';
  /** Throws RECORDER_UNAVAILABLE, and what opening a log throws. `tell`: what comes from there without being asked. */
  readonly open: (tell: Tell) => Promise<Link>;
  /** It was given back. */
  readonly rested?: () => void;
}

export function askingClient({ kind, open, rested }: AskingOptions): RecorderClient {
  let link: Promise<Link> | undefined;
  let current: Link | undefined;
  let onKilled: (killed: Killed) => void = () => undefined;
  const tell: Tell = ({ killed }) => {
    onKilled(killed);
    return true;
  };

  function take(): Promise<Link> {
    if (link !== undefined) return link;
    const opening = open(tell).then((opened) => {
      current = opened;
      void opened.closed.then(() => {
        if (link === opening) link = undefined;
        if (current === opened) current = undefined;
      });
      return opened;
    });
    link = opening;
    opening.catch(() => {
      if (link === opening) link = undefined;
    });
    return opening;
  }

  const ask: Ask = async (op, params) => (await take()).ask(op, params);
  const tokenOf = ({ token = '' }: StartedRun): { readonly run_token: string } => ({ run_token: token });

  return {
    kind,
    async startRun(start) {
      const { run_id, token, id } = await ask('run.start', startParams(start));
      return { run_id, token, id };
    },
    async endRun(run, _endId, outcome) {
      await ask('run.end', { run_id: run.run_id, ...tokenOf(run), outcome });
    },
    async record(run, events) {
      const { results } = await ask('record.batch', { ...tokenOf(run), events: [...events] });
      return results;
    },
    begin: (run, action) => ask('act.begin', { ...action, ...tokenOf(run) }),
    async end(run, ended) {
      await ask('act.end', { ...ended, ...tokenOf(run) });
    },
    async approval(run, approval, ms) {
      const { status } = await ask('act.wait', { ...tokenOf(run), approval, ms });
      return status;
    },
    async delegate(run, _chain, wanted) {
      const { run_token } = tokenOf(run);
      const { token, token_id, chain, expires_at } = await ask('token.delegate', {
        ...wanted,
        parent: run_token,
      });
      return { token, token_id, chain, expires_at };
    },
    async gap(gap) {
      await ask('gap.report', gap);
    },
    lastWords(run, events, ends, outcome) {
      const words = lastOf(run, events, ends, outcome) ?? lastOf(run, [], [], outcome);
      const told = words !== undefined && current?.last(words) === true;
      return {
        ended: told,
        all: told && words.events.length === events.length && words.ends.length === ends.length,
      };
    },
    lastClose: (reason) => current?.lastClose?.(reason),
    onKilled(listener) {
      onKilled = listener;
    },
    async rest() {
      const held = link;
      link = undefined;
      current = undefined;
      rested?.();
      await (await held?.catch(() => undefined))?.close();
    },
  };
}

function startParams({ workflow, metadata, within, contract, scopes, ...start }: RunStart) {
  return {
    ...start,
    ...(scopes === undefined ? {} : { scopes: [...scopes] }),
    ...(contract === undefined ? {} : { contract }),
    ...(workflow === undefined ? {} : { workflow_name: workflow }),
    ...(metadata === undefined ? {} : { about: metadata }),
    ...(within?.token === undefined ? {} : { run_token: within.token }),
  };
}

/** One request, as much of it as one line holds: two would be carried out side by side. */
function lastOf(
  run: StartedRun,
  events: readonly Event[],
  ends: readonly ActEnd[],
  outcome: Outcome,
): OpParams<'run.last'> | undefined {
  const [batch = [], more] = batches(events);
  const params = {
    run_id: run.run_id,
    run_token: run.token ?? '',
    events: batch,
    ends: ends.map(({ id, end_id, outcome: how }) => ({ id, end_id, outcome: how })),
    outcome,
  };
  const fits =
    more === undefined &&
    JSON.stringify(params).length < LIMITS.recordBatchBytes &&
    ends.length <= LIMITS.recordBatch;
  return fits ? params : undefined;
}

/** As many as one request holds. */
export function* batches(events: readonly Event[]): Generator<Event[]> {
  let batch: Event[] = [];
  let bytes = 0;
  for (const event of events) {
    const size = Buffer.byteLength(JSON.stringify(event));
    if (batch.length > 0 && (batch.length >= LIMITS.recordBatch || bytes + size > LIMITS.recordBatchBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(event);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
