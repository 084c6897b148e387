/**
 * A tool of an MCP server has one name, wherever it is called: `mcp.SERVER.TOOL`. Clients that call it `mcp__SERVER__TOOL`
 * and those that pass through a gateway of ours mean the same, so a policy that stops one stops both.
 */

const CLIENTS = 'mcp__';

/**
 * The one name. Of the beginning of a name, or of a pattern, the beginning: `mcp__github__*` is `mcp.github.*`. Anything
 * else is its own name.
 */
export function oneToolName(name: string): string {
  if (!name.startsWith(CLIENTS)) return name;
  const rest = name.slice(CLIENTS.length);
  // A server has a name of at least one character.
  const end = rest.indexOf('__', 1);
  return end === -1 ? `mcp.${rest}` : `mcp.${rest.slice(0, end)}.${rest.slice(end + 2)}`;
}

export type NamedTool = {
  readonly name: string;
  readonly server?: string;
  /** What the client calls it, where that is another name. */
  readonly called?: string;
};

/** What a client says was called, under its one name. */
export function actionNamed<
  A extends { readonly name: string; readonly tool?: { readonly name: string } | undefined },
>(action: A): A {
  const { name, tool } = action;
  const one = oneToolName(name);
  const toolName = tool === undefined ? undefined : oneToolName(tool.name);
  if (one === name && toolName === tool?.name) return action;
  return {
    ...action,
    name: one,
    ...(tool === undefined || toolName === tool.name
      ? {}
      : { tool: { called: tool.name, ...tool, name: toolName } }),
  };
}

/** Out of what a client calls it. */
export function toolNamed(called: string): NamedTool {
  const [, server] = /^mcp__(.+?)__.+$/.exec(called) ?? [];
  const name = oneToolName(called);
  return {
    name,
    ...(server === undefined ? {} : { server }),
    ...(name === called ? {} : { called }),
  };
}
