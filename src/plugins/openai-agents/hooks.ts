/** Events of a runner, for programs whose tracing is off; where it is on, they add what spans do not say. */
import { TallyError } from '../../core/error.ts';
import { GUARDED } from '../../sdk/context.ts';
import type { Noted, Run, Tally } from '../../sdk/types.ts';
import { createConversation } from '../conversation.ts';
import { messageOf } from './models.ts';
import { tracesOf } from './traces.ts';
import { argsIn, isObject, textIn } from './types.ts';

/** A `Runner`, or an `Agent`: it tells its listeners at once, and an error of theirs ends the run. */
export interface Hooked {
  readonly on: (type: never, listener: never) => unknown;
}

/** Nobody is listened to twice. */
const heard = new WeakMap<Tally, WeakSet<Hooked>>();

type Listener = (...told: readonly unknown[]) => void;

export function hooksOn(runner: Hooked, tally: Tally): void {
  const known = heard.get(tally) ?? new WeakSet();
  heard.set(tally, known);
  if (known.has(runner)) return;
  known.add(runner);
  const traces = tracesOf(tally);
  const conversations = new WeakMap<Run, ReturnType<typeof createConversation>>();
  /** Calls under way, by the context of the run and what the model calls them. */
  const calls = new WeakMap<object, Map<string, Noted>>();
  const on = (type: string, listener: Listener): void => {
    (runner.on as (type: string, listener: Listener) => unknown).call(runner, type, listener);
  };

  function currentRun(): Run {
    const run = tally.current();
    if (run !== undefined) return run;
    throw new TallyError(
      'USAGE',
      'an agent was started that nothing records: tracing is off, and there is no run',
      {
        hint: 'run it in tally.run(…), or switch tracing on and add tallyProcessor()',
      },
    );
  }

  function tellNew(run: Run, agent: unknown, input: unknown, known = conversations.get(run)): void {
    const conversation = known ?? createConversation();
    conversations.set(run, conversation);
    const instructions = isObject(agent) ? textIn(agent, 'instructions') : undefined;
    const items = Array.isArray(input) ? input.flatMap(messageOf) : [];
    conversation.heard(run, [
      ...(instructions === undefined ? [] : [{ role: 'system', content: instructions }]),
      ...items,
    ]);
  }

  on('agent_start', (_context, agent, input) => {
    const lane = traces.here();
    if (lane === undefined) {
      const run = currentRun();
      run.custom('agent.start', { name: nameOf(agent) });
      tellNew(run, agent, input);
      return;
    }
    lane.saidByHooks = true;
    lane.tell((run) => tellNew(run, agent, input, lane.conversation));
  });
  on('agent_end', (_context, agent, output) => {
    traces.progress('over');
    const told = { name: nameOf(agent), output };
    const lane = traces.here();
    if (lane === undefined) currentRun().custom('agent.end', told);
    else lane.tell((run) => run.custom('agent.end', told));
  });
  on('agent_handoff', (_context, from, to) => {
    if (traces.here() !== undefined) return;
    currentRun().custom('handoff', { from_agent: nameOf(from), to_agent: nameOf(to) });
  });
  on('agent_tool_start', (context, _agent, tool, details) => {
    if (traces.here() !== undefined || isGuarded(tool) || !isObject(context)) return;
    const call = callIn(details);
    const args = argsIn(call.args);
    const noted = currentRun().toolCall({ name: nameOf(tool), ...(args === undefined ? {} : { args }) });
    const own = calls.get(context) ?? new Map<string, Noted>();
    calls.set(context, own.set(call.id, noted));
  });
  on('agent_tool_end', (context, _agent, _tool, output, details) => {
    if (!isObject(context)) return;
    const { id } = callIn(details);
    const noted = calls.get(context)?.get(id);
    if (noted === undefined) return;
    calls.get(context)?.delete(id);
    currentRun().toolResult(noted, { output });
  });
}

const nameOf = (named: unknown): string => (isObject(named) ? textIn(named, 'name') : undefined) ?? 'unnamed';

function isGuarded(tool: unknown): boolean {
  return isObject(tool) && Reflect.get(tool, GUARDED) === true;
}

function callIn(details: unknown): { readonly id: string; readonly args: string | undefined } {
  const call = isObject(details) && isObject(details.toolCall) ? details.toolCall : {};
  return { id: textIn(call, 'callId') ?? '', args: textIn(call, 'arguments') };
}
