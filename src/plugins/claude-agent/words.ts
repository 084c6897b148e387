/**
 * What the user's own hooks say of a call. The program asks all hooks of an event at once and takes the strictest answer,
 * without telling one of the others: so the user's callbacks are listened to while they answer, and ours answers after
 * them. They are handed what they would be handed without us, and their answers are passed on as they are.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Json, JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { field, isObject, textAt } from '../../core/query/fields.ts';
import type { Callback, Matcher } from './types.ts';

export interface Said {
  /** The call will not run now: who asked for these hooks does not want it. */
  readonly stopped?: {
    readonly kind: 'denied_by_hook' | 'deferred_by_hook';
    readonly why: string | undefined;
  };
  /** It will run with this in place of its input; `unclear` where two of them say different things. */
  readonly input?: JsonObject | 'unclear';
}

export interface Words {
  /** The same matchers, listened to. */
  listened(matchers: readonly Matcher[]): readonly Matcher[];
  /** What all of the user's callbacks said that were asked about this call by now, when the last one has answered. */
  heard(call: string | undefined): Promise<Said>;
}

export function createWords(): Words {
  const asked = new Map<string, Promise<unknown>[]>();

  function remember(call: string, said: Promise<unknown>): void {
    asked.set(call, [...(asked.get(call) ?? []), said]);
    // Calls that nobody asks us about: our hook was taken out, or the program went away.
    const [oldest] = asked.keys();
    if (asked.size > LIMITS.hookCalls && oldest !== undefined) asked.delete(oldest);
  }

  function listen(callback: Callback): Callback {
    return (input, id, context) => {
      const said = (async () => callback(input, id, context))();
      const call = id ?? (isObject(input) ? textAt(input, 'tool_use_id') : undefined);
      // One that throws has said nothing; the program is told what it threw.
      if (call !== undefined)
        remember(
          call,
          said.catch(() => undefined),
        );
      return said;
    };
  }

  return {
    listened: (matchers) => matchers.map((one) => ({ ...one, hooks: one.hooks.map(listen) })),
    async heard(call) {
      if (call === undefined) return {};
      let answers: readonly unknown[] = [];
      for (;;) {
        const all = asked.get(call) ?? [];
        answers = await Promise.all(all);
        if ((asked.get(call) ?? []).length === all.length) break;
      }
      asked.delete(call);
      return answers.map(saidIn).reduce<Said>(both, {});
    },
  };
}

/** Of one answer. Names are those of the program's protocol; older callbacks say `decision: "block"`. */
export function saidIn(answer: unknown): Said {
  const told = isObject(answer) ? answer : {};
  const own = field(told, 'hookSpecificOutput');
  const decision = textAt(own, 'permissionDecision');
  const why = textAt(own, 'permissionDecisionReason') ?? textAt(told, 'reason') ?? textAt(told, 'stopReason');
  if (decision === 'deny' || told.decision === 'block' || told.continue === false)
    return { stopped: { kind: 'denied_by_hook', why } };
  if (decision === 'defer') return { stopped: { kind: 'deferred_by_hook', why } };
  const input = inputIn(own);
  return input === undefined ? {} : { input };
}

export function inputIn(from: Json | undefined): JsonObject | undefined {
  const input = field(from, 'updatedInput');
  return isObject(input) ? input : undefined;
}

function both(one: Said, other: Said): Said {
  const stopped = [one.stopped, other.stopped].find((each) => each?.kind === 'denied_by_hook');
  const either = stopped ?? one.stopped ?? other.stopped;
  const input =
    one.input === undefined || other.input === undefined || isDeepStrictEqual(one.input, other.input)
      ? (one.input ?? other.input)
      : 'unclear';
  return { ...(either === undefined ? {} : { stopped: either }), ...(input === undefined ? {} : { input }) };
}
