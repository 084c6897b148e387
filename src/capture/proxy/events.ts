/** What the broker says happened: the events of one call. No query, body, header or token value is in any of them. */
import type { CredentialUse, Decision, Event, Outcome, Target } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import type { DecisionRequest } from '../../core/policy/types.ts';
import type { TraceContext } from '../../core/trace-context.ts';
import type { Producer } from '../../recorder/api.ts';
import type { ControlHeaders } from './headers.ts';
import { recordedTarget } from './target.ts';
import type { Peer } from './upstream.ts';
import { eventBy, requestBy, type Whose, withProcess } from './whose.ts';

/** We carry the call out ourselves, and only if it is allowed. */
export const PROXY: Producer = { surface: 'proxy', assurance: 'enforced' };

const ACTION = 'http.call';

/** What is known of a call before anything is done. */
export interface CallFacts extends Whose {
  readonly control: ControlHeaders;
  readonly trace: TraceContext;
  /** Credentials whose placeholders are only spoken of in the body, and stay there. */
  readonly said?: readonly string[];
  /** Where a credential is looked for; undefined: in the local vault. */
  readonly placeOf?: ((ref: string) => string | undefined) | undefined;
}

/** What the caller's body was, as args_hash covers it. */
export type ArgsBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly sha256: string }
  | { readonly kind: 'streamed' };

function about(facts: CallFacts): ReturnType<typeof eventBy> & Pick<Event, 'trace'> {
  return { ...eventBy(facts), trace: { ...facts.trace } };
}

function targetOf({ target, method }: ControlHeaders): { target?: Target } {
  return target === undefined ? {} : { target: recordedTarget(target, method) };
}

export function decisionRequest(facts: CallFacts, body: ArgsBody): DecisionRequest {
  const { control } = facts;
  return {
    ...requestBy(facts),
    action: { name: ACTION, ...targetOf(control) },
    args: body.kind === 'streamed' ? 'streamed' : 'whole',
    credentials: control.injections.map(({ ref, style }) => ({ ref, injection_style: style })),
  };
}

function credentialsOf({ control, placeOf }: CallFacts): Pick<Event, 'credentials'> {
  if (control.injections.length === 0) return {};
  const credentials: CredentialUse[] = control.injections.map(({ ref, style }) => ({
    ref,
    injection_style: style,
    provider: placeOf?.(ref) ?? 'vault',
  }));
  return { credentials };
}

/**
 * The arguments that args_hash covers. The body is there by its hash, not as parsed JSON: texts that parse alike
 * (doubled keys, 2^53 + 1) can mean different things upstream, and an approval binds to this value.
 */
export function argsOf(control: ControlHeaders, body: ArgsBody): { args: unknown; args_note?: string } {
  const { target, method } = control;
  const url = target === undefined ? '' : `${target.origin}${target.path}${target.search}`;
  if (body.kind === 'streamed') return { args: { method, url }, args_note: 'body=streamed' };
  return { args: { method, url, ...(body.kind === 'whole' ? { body_sha256: body.sha256 } : {}) } };
}

/** Its action and hashes are those that were decided on: the recorder puts them in. */
export function preExec(facts: CallFacts, decision: Decision): Event {
  return {
    type: 'http.call',
    phase: 'pre_exec',
    ...about(facts),
    ...credentialsOf(facts),
    decision,
  };
}

/**
 * Run, step, action, actor and credentials are those of the pre_exec; the recorder repeats them. Nothing waits for the
 * process that calls to be found, so often it is known only now.
 */
export function postExec(
  preId: string,
  outcome: Outcome,
  metadata: Record<string, unknown>,
  facts?: Parameters<typeof withProcess>[0],
): Event {
  return {
    type: 'http.call',
    phase: 'post_exec',
    parent_id: preId,
    ...(facts === undefined ? {} : withProcess(facts)),
    outcome,
    metadata,
  };
}

/** A request that was refused before anything could be decided about it. */
export function refused(facts: CallFacts, outcome: Outcome): Event {
  const { control } = facts;
  const { target } = targetOf(control);
  const path = target?.path?.slice(0, LIMITS.refusedPathChars);
  return {
    type: 'http.call',
    phase: 'point',
    ...about(facts),
    action: { name: ACTION, ...(target === undefined ? {} : { target: { ...target, path } }) },
    ...credentialsOf(facts),
    outcome,
    ...(control.forwarded === undefined ? {} : { metadata: viaOf(facts) }),
  };
}

/** How long each part of a call took, microseconds. */
export interface Durations {
  decision: number;
  audit: number;
  upstream: number;
}

/** A Location that is longer is cut; metadata is bounded. */
const REDIRECT_CHARS = 2_048;

/** How the call came to us: absent when it was addressed to us. */
export function viaOf({ control: { forwarded } }: CallFacts): { via?: 'forward' | 'intercept' } {
  return forwarded === undefined ? {} : { via: forwarded.intercepted ? 'intercept' : 'forward' };
}

export function callMetadata(
  facts: CallFacts,
  durations: Durations,
  peer: Peer | undefined,
  redirect: string | undefined,
): Record<string, unknown> {
  const { decision, audit, upstream } = durations;
  const { said = [] } = facts;
  return {
    ...viaOf(facts),
    durations_us: {
      decision: Math.round(decision),
      audit: Math.round(audit),
      upstream: Math.round(upstream),
    },
    ...(peer === undefined ? {} : { address: peer.address }),
    ...(peer?.tls === undefined
      ? {}
      : { tls: { version: peer.tls.version, certificate_sha256: peer.tls.fingerprint256 } }),
    ...(redirect === undefined ? {} : { redirect: redirect.slice(0, REDIRECT_CHARS) }),
    ...(said.length === 0 ? {} : { placeholders_left: said.slice(0, LIMITS.credentialsPerCall) }),
  };
}
