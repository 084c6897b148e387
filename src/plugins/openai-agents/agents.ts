/** Agents whose tools are guarded, with the agents that they hand over to and the servers that they ask. */
import { GUARDED } from '../../sdk/context.ts';
import { isHeldBack, wordsOf } from '../held-back.ts';
import { bound, changed, type Guarding, guardedTool } from './tools.ts';
import { isObject, textIn } from './types.ts';

/** `known`: agents that were guarded already; they may hand over in circles. */
export function guardedAgent<A extends object>(
  agent: A,
  own: Guarding,
  known = new Map<object, object>(),
): A {
  if (Reflect.get(agent, GUARDED) === true) return agent;
  const before = known.get(agent);
  if (before !== undefined) return before as A;
  const name = textIn(agent, 'name');
  if (name !== undefined) own.traces.guardedAgents.add(name);
  const tools = listIn(agent, 'tools').map((tool) => guardedTool(tool, own));
  const mcpServers = listIn(agent, 'mcpServers').map((server) =>
    isObject(server) ? guardedServer(server, own) : server,
  );
  const handoffs: unknown[] = [];
  const copy = changed(agent, { tools, mcpServers, handoffs, emit: telling(agent, own) });
  known.set(agent, copy);
  handoffs.push(...listIn(agent, 'handoffs').map((one) => guardedHandoff(one, own, known)));
  return copy;
}

/** The agent's own listeners are told as before; what it tells of itself is heard beside them. */
function telling(agent: object, { traces }: Guarding): unknown {
  const { emit } = agent as { readonly emit?: unknown };
  if (typeof emit !== 'function') return emit;
  // What a person has to allow of a computer's actions interrupts the run without a word to us.
  const isHeard = !listIn(agent, 'tools').some((tool) => isObject(tool) && tool.type === 'computer');
  return (...told: readonly unknown[]): unknown => {
    if (told[0] === 'agent_start' && isHeard) traces.progress('began');
    if (told[0] === 'agent_end') traces.progress('over');
    return Reflect.apply(emit, agent, told);
  };
}

const listIn = (of: object, name: string): readonly unknown[] => {
  const found: unknown = Reflect.get(of, name);
  return Array.isArray(found) ? found : [];
};

function guardedHandoff(handoff: unknown, own: Guarding, known: Map<object, object>): unknown {
  if (typeof handoff !== 'object' || handoff === null) return handoff;
  const { onInvokeHandoff, agent } = handoff as { onInvokeHandoff?: unknown; agent?: unknown };
  if (typeof onInvokeHandoff !== 'function' || !isObject(agent)) return guardedAgent(handoff, own, known);
  return changed(handoff, {
    agent: guardedAgent(agent, own, known),
    async onInvokeHandoff(...args: readonly unknown[]) {
      const next: unknown = await Reflect.apply(onInvokeHandoff, handoff, args);
      return isObject(next) ? guardedAgent(next, own, known) : next;
    },
  });
}

const CALLS = ['callTool', 'callToolResult'];

/** What it lists is not touched; each call of a tool of it is decided. */
function guardedServer(server: Readonly<Record<string, unknown>>, own: Guarding): object {
  const name = textIn(server, 'name');
  return bound(server, CALLS, (method, call) => async (args, first) => {
    own.traces.claim();
    const tool = typeof first === 'string' && first !== '' ? first : 'unnamed';
    const action = {
      name: tool,
      tool: { name: tool, ...(name === undefined ? {} : { server: name }) },
      ...(args[1] === undefined || args[1] === null ? {} : { args: args[1] }),
    };
    try {
      return await own.decider.carryOut(undefined, action, false, async () => call(args));
    } catch (error) {
      if (!isHeldBack(error)) throw error;
      const content = [{ type: 'text', text: wordsOf(error) }];
      return method === 'callTool' ? content : { content, isError: true };
    }
  });
}
