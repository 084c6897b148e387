/** Kill switches as the log tells them: the newest change of each scope stands. */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { booleanAt, textAt } from '../query/fields.ts';
import { oneToolName } from '../tool-name.ts';

export const KILL_CHANGE = 'killswitch.change';

/** "global", "tenant", "writes", "agent:NAME" or "tool:NAME". */
export const KILL_SCOPE = /^(global|tenant|writes|(agent|tool):\S.{0,255})$/u;

export interface KillSwitch {
  readonly scope: string;
  /** The entry that switched it on. */
  readonly id: string;
  readonly since: string;
  readonly reason?: string;
  readonly by?: string;
}

/** A tool is switched off by whichever of its names. */
export function oneScope(scope: string): string {
  return scope.startsWith(TOOL) ? `${TOOL}${oneToolName(scope.slice(TOOL.length))}` : scope;
}

const TOOL = 'tool:';

/** Those that are on, by their scope. */
export type KillState = Map<string, KillSwitch>;

export function foldKill(state: KillState, entry: JsonObject): void {
  const said = textAt(entry, 'metadata', 'scope');
  const scope = said === undefined ? undefined : oneScope(said);
  const on = booleanAt(entry, 'metadata', 'on');
  const id = textAt(entry, 'id');
  const since = textAt(entry, 'ts');
  if (scope === undefined || on === undefined || id === undefined || since === undefined) return;
  if (!KILL_SCOPE.test(scope)) return;
  if (!on) {
    state.delete(scope);
    return;
  }
  const known = state.get(scope);
  // Switched on again while it is on: it has been on since the first time. At the limit the recorder refuses.
  if (known !== undefined || state.size >= LIMITS.killSwitches) return;
  const reason = textAt(entry, 'reason');
  const by = textAt(entry, 'actor', 'user', 'id') ?? textAt(entry, 'actor', 'os', 'user');
  state.set(scope, {
    scope,
    id,
    since,
    ...(reason === undefined ? {} : { reason }),
    ...(by === undefined ? {} : { by }),
  });
}
