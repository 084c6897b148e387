/**
 * Runs and actions of programs that hold them until they are decided, so that a kill switch finds whoever has them under
 * way. The program ends them: nothing in another process can be ended from here. One that cannot be told (over HTTP, or
 * gone) learns of it with its next request.
 */
import type { KillSwitch } from '../core/governance/kill.ts';
import { LIMITS } from '../core/limits.ts';
import { killScopesOf, runScopesOf } from '../core/policy/kill-scopes.ts';
import { killReason } from '../core/policy/layers/kill-switch.ts';
import type { DecisionRequest, Identity } from '../core/policy/types.ts';
import type { LocalRecorder } from './recorder.ts';
import type { Killed, Tell } from './told.ts';

export interface ActFlight {
  /** The entry of its decision. A switch that was thrown since `begin` is told then. */
  known(id: string): void;
  over(): void;
}

export interface ActFlights {
  /** Before it is decided: a switch may come between the decision and its answer. */
  begin(request: DecisionRequest, identity: Identity, tell: Tell | undefined): ActFlight;
  run(identity: Identity, tell: Tell | undefined): void;
  runOver(runId: string): void;
}

interface Flying {
  readonly request: DecisionRequest;
  readonly identity: Identity;
  readonly tell: Tell;
  id: string | undefined;
  killed: KillSwitch | undefined;
}

interface OpenRun {
  readonly identity: Identity;
  readonly tell: Tell;
}

const NOBODY: ActFlight = { known: () => undefined, over: () => undefined };

export function createActFlights(recorder: Pick<LocalRecorder, 'kills' | 'policy'>): ActFlights {
  const flying = new Set<Flying>();
  const runs = new Map<string, OpenRun>();
  const { kills } = recorder;

  const find = (scope: string): KillSwitch | undefined => kills.list().find((one) => one.scope === scope);

  kills.onSwitch((scope) => {
    const found = find(scope);
    if (found === undefined) return 0;
    for (const [run, { identity, tell }] of runs)
      if (runScopesOf(identity).includes(scope) && !tell({ killed: killedOf(found, run, true, []) }))
        runs.delete(run);
    const policy = recorder.policy().compiled;
    let told = 0;
    for (const one of flying) {
      if (one.killed !== undefined || !killScopesOf(one.request, one.identity, policy).includes(scope))
        continue;
      one.killed = found;
      if (say(one)) told++;
    }
    return told;
  }, 'told');

  function say({ id, killed, identity, tell }: Flying): boolean {
    if (id === undefined || killed === undefined) return false;
    return tell({ killed: killedOf(killed, identity.run_id ?? '', false, [id]) });
  }

  return {
    begin(request, identity, tell) {
      if (tell === undefined) return NOBODY;
      const one: Flying = { request, identity, tell, id: undefined, killed: undefined };
      flying.add(one);
      const [oldest] = flying;
      if (flying.size > LIMITS.apiOpenDecisions && oldest !== undefined) flying.delete(oldest);
      return {
        known(id) {
          one.id = id;
          say(one);
        },
        over: () => void flying.delete(one),
      };
    },
    run(identity, tell) {
      const { run_id } = identity;
      if (tell === undefined || run_id === undefined || identity.failure !== undefined) return;
      if (runs.get(run_id)?.tell === tell) return;
      runs.set(run_id, { identity, tell });
      const [oldest] = runs.keys();
      if (runs.size > LIMITS.apiOpenDecisions && oldest !== undefined) runs.delete(oldest);
      // It was thrown while the run began.
      const [on] = runScopesOf(identity).flatMap((scope) => find(scope) ?? []);
      if (on !== undefined) tell({ killed: killedOf(on, run_id, true, []) });
    },
    runOver: (runId) => void runs.delete(runId),
  };
}

function killedOf(
  { scope, id, reason = 'no reason was given' }: KillSwitch,
  run_id: string,
  whole: boolean,
  actions: readonly string[],
): Killed {
  const what = scope === 'global' ? 'everything' : scope;
  const message = `${what} is switched off: ${reason}`;
  return { run_id, whole, actions, scope, reason: killReason(scope), message, id };
}
