/** What a client tells of itself: whether it may, who it is as far as that can be checked, and how it is recorded. */
import type { Actor, Decision, Event } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import type { Identity } from '../core/policy/types.ts';
import { actionNamed } from '../core/tool-name.ts';
import type { Claims, Producer } from './api.ts';
import { reportedBy, said, saidActor } from './asked.ts';
import { checkedFor } from './asking.ts';
import type { Client } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import { recordStop, stopDecision } from './stopped.ts';

/** Types that only the recorder itself, or an operator's request, may write. */
const RESERVED =
  /^(policy(?!\.check$)|allowlist|role|agent|token|key|killswitch|config|log|hold|anchor|sink|alert|approval|run|clock|decision)\./;
/** A program whose runs this recorder does not start says itself when they begin and end, and what it lost of them. */
const RUNS: ReadonlySet<string> = new Set(['run.start', 'run.end', 'log.gap']);

/** What a token of a user proves. */
const BEHIND: ReadonlySet<string> = new Set(['actor.user', 'actor.on_behalf_of']);

export interface Prepared {
  readonly event: Event;
  readonly producer: Producer;
}

/** `claims`: what the client presented for this very event. `runs`: it may tell of runs of its own. */
export type Prepare = (
  event: Event,
  client: Client,
  claims: Pick<Claims, 'run_token' | 'agent_token'>,
  runs?: boolean,
) => Promise<Prepared>;

/** Throws BAD_EVENT, TOKEN_INVALID, and STOPPED for another tenant, which is then on record. */
export function createPrepare(recorder: LocalRecorder): Prepare {
  return async (event, client, claims, runs = false) => {
    refuseReserved(event, runs);
    if (isOthers(recorder, event)) await recordStop(recorder, client, { type: event.type }, stopOf(recorder));
    return prepareNow(recorder, event, client, claims, runs);
  };
}

/** The same at once; that somebody named another tenant is not on record then. */
export function prepareNow(
  recorder: LocalRecorder,
  event: Event,
  client: Client,
  claims: Pick<Claims, 'run_token' | 'agent_token'>,
  runs = false,
): Prepared {
  refuseReserved(event, runs);
  if (isOthers(recorder, event))
    throw new TallyError('STOPPED', `the event is not recorded: ${whyOthers(recorder)}`, {
      hint: 'leave tenant_id out: a recorder writes for its own tenant',
      details: { reason: 'not_a_member' },
    });
  const claimed = event.actor?.agent_id;
  const identity = recorder.identify({
    ...claims,
    ...(claimed === undefined ? {} : { agent_id: claimed }),
  });
  if (identity.failure !== undefined) {
    throw new TallyError(
      'TOKEN_INVALID',
      `the ${claims.run_token === undefined ? 'agent' : 'run'} token is not good: ${identity.failure}`,
      {
        hint:
          claims.run_token === undefined
            ? '`tally agent token list` shows which tokens are good'
            : 'start the program again under `tally run`',
      },
    );
  }
  const { decision: _decidedByTheClient, actor: _said, ...facts } = event;
  const { actor, quality } = reportedActor(recorder, client, event, identity);
  const run = identity.run_id === undefined ? {} : { run_id: identity.run_id };
  // An end that says nothing of its actor repeats the actor of its beginning.
  const who = event.phase === 'post_exec' && event.actor === undefined ? {} : { actor };
  const what = facts.action === undefined ? {} : { action: actionNamed(facts.action) };
  return { event: { ...facts, ...run, ...what, ...who, quality }, producer: reportedBy(client) };
}

function refuseReserved({ type, metadata }: Event, runs: boolean): void {
  if (RESERVED.test(type) && !(runs && RUNS.has(type))) {
    throw new TallyError('BAD_EVENT', `events of type ${type} are written by the recorder itself`, {
      hint: 'use the command or request that causes it; custom events have the type "custom"',
    });
  }
  if (metadata?.imported !== undefined) {
    throw new TallyError('BAD_EVENT', 'metadata.imported is set by an import alone', {
      hint: 'tally import brings records of other programs in; call the member otherwise',
    });
  }
}

/** Naming another tenant is a stop, whoever does it. */
function isOthers({ tenant }: LocalRecorder, { tenant_id }: Event): boolean {
  return tenant_id !== undefined && tenant_id !== tenant;
}

const whyOthers = ({ tenant }: LocalRecorder): string => `the event is for another tenant than ${tenant}`;

function stopOf(recorder: LocalRecorder): Decision {
  const why = whyOthers(recorder);
  return stopDecision(recorder, 'record', { layer: 'membership', reason: 'not_a_member', why });
}

/** What a token proves stands in place of what was said; the machine's own user proves nothing more than is said. */
function reportedActor(
  recorder: LocalRecorder,
  client: Client,
  event: Event,
  identity: Identity,
): { readonly actor: Actor; readonly quality: NonNullable<Event['quality']> } {
  const { actor, principal } = checkedFor(recorder, identity);
  const { user: _user, on_behalf_of: _for, role: _role, delegation_chain = [], ...checked } = actor;
  const told = saidActor(client, event);
  const quality = said(client, event, identity);
  const isProved = principal?.source === 'token';
  const chain = delegation_chain.length > 0 ? delegation_chain : (told.delegation_chain ?? []);
  const marks = Object.entries(quality).filter(
    ([member]) =>
      !(isProved && BEHIND.has(member)) &&
      !(delegation_chain.length > 0 && member === 'actor.delegation_chain'),
  );
  return {
    actor: { ...told, ...(isProved ? actor : checked), delegation_chain: chain },
    quality: Object.fromEntries(marks),
  };
}
