/**
 * What stands: tunnels and WebSockets. Each began with a decision and a token that were good then. Calls are decided each
 * time; what stands is looked at again when another policy is in force, when a token is revoked or a run ends, and now
 * and then, because tokens also run out. So nothing passes for long that would not be let in now.
 */
import type { Decision } from '../../core/entry.ts';
import { CONNECT_ACTION, INTERCEPTED } from '../../core/policy/connect.ts';
import { createSlots } from '../../core/slots.ts';
import type { Ask, Claims, Recorder } from '../../recorder/api.ts';
import { type Failure, notAllowedAnyMore, TOKEN_DEAD } from './failure.ts';
import { proceeds } from './stop.ts';

/** As it was decided on. */
export interface Begun {
  /** With the addresses. */
  readonly ask: Ask;
  readonly decision: Decision;
}

export interface Standing extends Begun {
  readonly claims: Claims;
  /** Called once at most, and perhaps before `watch` returns: something may have changed while it was being connected. */
  readonly end: (failure: Failure) => void;
}

export interface Stands {
  /** Returns what stops looking. */
  watch(one: Standing): () => void;
  close(): void;
}

/**
 * Limits and budgets bound how often something begins, and this has begun. Where a person is wanted, the yes that it
 * began with was for this very connection.
 */
function isStillAllowed(now: Decision, began: Decision): boolean {
  if (proceeds(now)) return true;
  const wanted =
    now.layer === 'approval' ||
    now.layers?.some(({ result, reason }) => result === 'pass' && reason !== undefined) === true;
  const begunOnly = now.layer === 'limits' || now.layer === 'budgets' || now.layer === 'approval';
  return begunOnly && (!wanted || began.approval !== undefined);
}

/** A tunnel to it would pass unread what is to be decided call by call. */
export function isToBeRead({ action }: Ask['request'], { inputs }: Decision): boolean {
  return action.name === CONNECT_ACTION && inputs?.allowlist_line === INTERCEPTED;
}

/** `everyMs`: between two looks at tokens. */
export function createStands(
  recorder: Pick<Recorder, 'identify' | 'decide' | 'policy' | 'onChange'>,
  everyMs: number,
): Stands {
  const standing = createSlots<Standing>();
  let timer: NodeJS.Timeout | undefined;

  function byToken({ claims }: Standing): Failure | undefined {
    return recorder.identify(claims).failure === undefined ? undefined : TOKEN_DEAD;
  }

  function byPolicy({ claims, ask, decision }: Standing): Failure | undefined {
    const { request, ...read } = ask;
    const now = recorder.decide(request, { ...read, identity: recorder.identify(claims) });
    const { version } = recorder.policy().compiled;
    if (isToBeRead(request, now)) return notAllowedAnyMore(version, 'its calls are to be decided one by one');
    if (isStillAllowed(now, decision)) return undefined;
    return notAllowedAnyMore(
      version,
      `${now.reason ?? 'policy_denied'}: ${now.message ?? 'it is a stop now'}`,
    );
  }

  function look(failureOf: (one: Standing) => Failure | undefined): void {
    for (const one of standing.all()) {
      const failure = failureOf(one);
      if (failure !== undefined) one.end(failure);
    }
  }

  const stop = recorder.onChange((what) => look(what === 'policy' ? byPolicy : byToken));

  function rest(): void {
    if (standing.size() > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    watch(one) {
      const changed = one.decision.snapshot?.hash !== recorder.policy().hash;
      const failure = byToken(one) ?? (changed ? byPolicy(one) : undefined);
      if (failure !== undefined) {
        one.end(failure);
        return () => undefined;
      }
      const at = standing.put(one);
      timer ??= setInterval(() => look(byToken), everyMs).unref();
      return () => {
        standing.take(at, one);
        rest();
      };
    },
    close() {
      stop();
      clearInterval(timer);
    },
  };
}
