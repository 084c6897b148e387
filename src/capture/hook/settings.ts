/**
 * The hooks in a settings file of Claude Code: put in, taken out, and looked for. Pure: values in, values out. What others
 * have put there stays where it is.
 */
import { isObject } from '../../core/query/fields.ts';

/** Events that post over HTTP. `closed`: those that are blocked when nobody answers, where that was asked for. */
const HTTP_EVENTS = {
  PreToolUse: { timeout: 600, closed: true },
  PostToolUse: { timeout: 30, closed: false },
  PostToolUseFailure: { timeout: 30, closed: false },
  UserPromptSubmit: { timeout: 30, closed: true },
  Stop: { timeout: 30, closed: false },
  SubagentStart: { timeout: 30, closed: false },
  SubagentStop: { timeout: 30, closed: false },
  PermissionDenied: { timeout: 30, closed: false },
  Notification: { timeout: 30, closed: false },
  PreCompact: { timeout: 30, closed: false },
  SessionEnd: { timeout: 10, closed: false },
} as const;

/**
 * Events for which a command posts: the program sends no HTTP at the start of a session; and at a request for permission
 * a hook that cannot be reached was seen to refuse what nobody refused.
 */
const COMMAND_EVENTS = {
  SessionStart: { timeout: 10 },
  PermissionRequest: { timeout: 10, async: true },
} as const;

export const HOOK_EVENTS: readonly string[] = [...Object.keys(HTTP_EVENTS), ...Object.keys(COMMAND_EVENTS)];

export const TOKEN_VARIABLE = 'TALLY_HOOK_TOKEN';
/** How a hook of ours is known again, whatever port and program it was written with. */
const OUR_URL = /^http:\/\/127\.0\.0\.1:\d{1,5}\/hooks\/claude-code(?:\?|$)/;
const OUR_COMMAND = /(?:^|[/\s'])tally(?:\.js)?'? hook claude-code$/;
const OUR_HEADER = /^Bearer (?:hok_[A-Za-z0-9_-]{43}|\$TALLY_HOOK_TOKEN)$/;

export interface Wanted {
  /** `http://127.0.0.1:7700/hooks/claude-code` */
  readonly url: string;
  /** What the command hooks run: ends in ` hook claude-code`. */
  readonly command: string;
  /** Absent: the file is shared, and the token comes from TALLY_HOOK_TOKEN in the environment of each who uses it. */
  readonly token?: string;
  readonly closed: boolean;
}

export type Settings = { readonly [name: string]: unknown };

/** The settings with these hooks and none of an older install of ours. The same settings again change nothing. */
export function withHooks(settings: Settings, wanted: Wanted): Settings {
  const bare = withoutHooks(settings);
  const before = isObject(bare.hooks) ? bare.hooks : {};
  const hooks: Record<string, unknown> = { ...before };
  for (const [event, group] of Object.entries(groupsOf(wanted)))
    hooks[event] = [...(Array.isArray(before[event]) ? before[event] : []), group];
  return { ...bare, hooks };
}

/** The settings without any hook of ours; what is left empty by that goes too. */
export function withoutHooks(settings: Settings): Settings {
  if (!isObject(settings.hooks)) return settings;
  const hooks: [string, unknown][] = [];
  let changed = false;
  for (const [event, groups] of Object.entries(settings.hooks)) {
    const kept = Array.isArray(groups) ? groups.flatMap(foreignPart) : groups;
    const same =
      !Array.isArray(kept) ||
      (kept.length === (groups as unknown[]).length &&
        kept.every((one, i) => one === (groups as unknown[])[i]));
    if (!same) changed = true;
    if (same || (Array.isArray(kept) && kept.length > 0)) hooks.push([event, same ? groups : kept]);
  }
  if (!changed) return settings;
  const { hooks: _hooks, ...others } = settings;
  if (hooks.length === 0) return others;
  // In its old place among the members.
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      name === 'hooks' ? Object.fromEntries(hooks) : value,
    ]),
  );
}

/** A group without our hooks: itself where it has none, nothing where it has no others. */
function foreignPart(group: unknown): readonly unknown[] {
  if (!isObject(group) || !Array.isArray(group.hooks)) return [group];
  const foreign = group.hooks.filter((hook) => !isOurs(hook));
  if (foreign.length === group.hooks.length) return [group];
  return foreign.length === 0 ? [] : [{ ...group, hooks: foreign }];
}

export function isOurs(hook: unknown): boolean {
  if (!isObject(hook)) return false;
  const { type, url, command, headers } = hook;
  if (type === 'http') {
    const header = isObject(headers) ? headers.Authorization : undefined;
    return (
      typeof url === 'string' && OUR_URL.test(url) && typeof header === 'string' && OUR_HEADER.test(header)
    );
  }
  return type === 'command' && typeof command === 'string' && OUR_COMMAND.test(command);
}

/** Our hooks in these settings, by event. */
export function hooksIn(settings: unknown): ReadonlyMap<string, { readonly [name: string]: unknown }> {
  const found = new Map<string, { readonly [name: string]: unknown }>();
  if (!isObject(settings) || !isObject(settings.hooks)) return found;
  for (const [event, groups] of Object.entries(settings.hooks))
    for (const group of Array.isArray(groups) ? groups : [])
      for (const hook of isObject(group) && Array.isArray(group.hooks) ? group.hooks : [])
        if (isObject(hook) && isOurs(hook)) found.set(event, hook);
  return found;
}

/** Whether these settings have a call blocked when the hook with this token is not answered. */
export function isBlocking(settings: unknown, token: string): boolean {
  if (!isObject(settings) || settings.disableAllHooks === true) return false;
  const hook = hooksIn(settings).get('PreToolUse');
  const header = isObject(hook?.headers) ? hook.headers.Authorization : undefined;
  const isIts = header === `Bearer ${token}` || header === `Bearer $${TOKEN_VARIABLE}`;
  return (
    isIts && hook?.onFailure === 'block' && hook.if === undefined && hook.once !== true && isForAll(settings)
  );
}

/** Our hook stands in a group for every tool. */
function isForAll(settings: { readonly hooks?: unknown }): boolean {
  const groups = isObject(settings.hooks) ? settings.hooks.PreToolUse : undefined;
  return (Array.isArray(groups) ? groups : []).some((group) => {
    if (!isObject(group) || !Array.isArray(group.hooks) || !group.hooks.some(isOurs)) return false;
    return group.matcher === undefined || group.matcher === '' || group.matcher === '*';
  });
}

function groupsOf({ url, command, token, closed }: Wanted): Readonly<Record<string, unknown>> {
  const headers =
    token === undefined
      ? { headers: { Authorization: `Bearer $${TOKEN_VARIABLE}` }, allowedEnvVars: [TOKEN_VARIABLE] }
      : { headers: { Authorization: `Bearer ${token}` } };
  const groups: [string, unknown][] = Object.entries(HTTP_EVENTS).map(([event, { timeout, closed: may }]) => [
    event,
    {
      hooks: [
        {
          type: 'http',
          url: `${url}?event=${event}`,
          timeout,
          ...(closed && may ? { onFailure: 'block' } : {}),
          ...headers,
        },
      ],
    },
  ]);
  const commands: [string, unknown][] = Object.entries(COMMAND_EVENTS).map(([event, more]) => [
    event,
    { hooks: [{ type: 'command', command, ...more }] },
  ]);
  return Object.fromEntries([...commands, ...groups]);
}
