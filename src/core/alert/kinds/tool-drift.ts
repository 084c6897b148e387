/**
 * A tool of an MCP server that is not what it was: another description, another schema, or a tool that was not there. A
 * model reads descriptions as instructions, so whoever alters one after it was looked at speaks to the model unseen.
 * Servers are known by the name that their user gave them, never by what they call themselves.
 */
import type { Json, JsonObject } from '../../json.ts';
import { LIMITS } from '../../limits.ts';
import { field, isObject, listAt } from '../../query/fields.ts';
import type { Look } from '../look.ts';
import { createRecent } from '../recent.ts';
import type { ToolDriftRule } from '../rule.ts';
import { keyOf, type MakeMatcher } from './kind.ts';

interface Saved {
  /** Hash of each tool, and 1 for each server whose list was seen whole. */
  readonly tools: readonly (readonly [string, string])[];
  readonly servers: readonly (readonly [string, number])[];
}

export const toolDrift: MakeMatcher<ToolDriftRule> = (_rule, teller, saved) => {
  const state = saved as Saved | undefined;
  const tools = createRecent<string>(LIMITS.alertKnown, state?.tools);
  const servers = createRecent<number>(LIMITS.alertKeys, state?.servers);

  function look(seen: Look, server: string, tool: string, hash: string): void {
    const key = keyOf(server, tool);
    const before = tools.get(key);
    tools.touch(key, hash);
    if (before === hash || (before === undefined && servers.get(server) === undefined)) return;
    const what =
      before === undefined
        ? 'offers a tool that it did not offer before'
        : 'changed what it says of its tool';
    teller.hit({
      key,
      subject: `mcp.${server}.${tool}`.slice(0, LIMITS.idChars),
      message: () => `the MCP server ${server} ${what}: ${tool}. Look at it before an agent does`,
      at: seen.ms,
      evidence: [seen.index],
    });
  }

  return {
    see(seen) {
      const list = listIn(seen);
      if (list === undefined) return;
      const { server, isWhole } = list;
      for (const { tool, hash } of list.tools) look(seen, server, tool, hash);
      if (isWhole) servers.touch(server, 1);
    },
    save: (): Saved => ({ tools: tools.entries(), servers: servers.entries() }),
  };
};

interface List {
  readonly server: string;
  readonly tools: readonly { readonly tool: string; readonly hash: string }[];
  /** With this entry all of it was seen. */
  readonly isWhole: boolean;
}

function listIn({ type, entry }: Look): List | undefined {
  if (type !== 'custom' || text(field(entry, 'source', 'surface')) !== 'mcp') return undefined;
  const mcp = field(entry, 'metadata', 'mcp');
  if (!isObject(mcp) || text(mcp.method) !== 'tools/list') return undefined;
  const server = text(mcp.server);
  if (server === undefined) return undefined;
  return { server, tools: listAt(mcp, 'tools').flatMap(toolIn), isWhole: mcp.part === mcp.parts };
}

function toolIn(value: Json): List['tools'] {
  if (!isObject(value)) return [];
  const [tool, hash] = [text(value.tool), text(value.hash)];
  return tool === undefined || hash === undefined ? [] : [{ tool, hash }];
}

/** Rules keep thousands of these. */
function text(value: JsonObject[string]): string | undefined {
  return typeof value === 'string' && value.length <= LIMITS.idChars ? value : undefined;
}
