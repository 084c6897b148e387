/** What the recorder is asked about an action: everything that is decided on, and what is kept of it. */
import type { RunBase } from './base.ts';
import type { ActBegin } from './client.ts';
import { cutBytes, idText, leftOutOf } from './parts.ts';
import type { Action } from './types.ts';

type ActType = ActBegin['type'];

const TYPES = {
  tool: 'tool.call',
  model: 'model.call',
  retrieval: 'retrieval.query',
  custom: 'custom',
} as const satisfies Record<string, ActType>;

/** What holds an action by the callbacks of others says so, where those may let it go on without an answer. */
export type Asked = Action & { readonly assurance?: 'observed' };

export function requestOf(
  base: RunBase,
  action: Asked,
): Omit<ActBegin, 'step_id'> & { readonly action: { args?: unknown } } {
  const { make } = base.shell;
  const name = idText(action.name, 'unnamed');
  const kind = action.kind ?? 'tool';
  const said = base.common(action);
  const args = action.args === undefined ? undefined : make.args(action.args);
  const shown = args === undefined ? undefined : make.shown(args.value);
  const made = action.payloads === false ? undefined : make.payload('arguments', action.args, action.subject);
  const tool = action.tool ?? (kind === 'tool' ? { name } : undefined);
  const metadata = {
    ...said.metadata,
    ...(args === undefined || args.leftOutCount === 0 ? {} : { args_left_out: leftOutOf(args) }),
  };
  return {
    ...(action.assurance === undefined ? {} : { assurance: action.assurance }),
    type: TYPES[kind] ?? 'custom',
    action: {
      name,
      ...(tool === undefined ? {} : { tool: toolOf(tool) }),
      ...(action.target === undefined ? {} : { target: action.target }),
      ...(action.tier === undefined ? {} : { tier: action.tier }),
      ...(action.capability === undefined ? {} : { capability: idText(action.capability, 'unnamed') }),
    },
    ...(args === undefined ? {} : { args: args.value }),
    ...(args === undefined || args.whole ? {} : { args_partial: true as const }),
    ...(shown === undefined ? {} : { shown }),
    ...(action.credentials === undefined ? {} : { credentials: [...action.credentials] }),
    ...(said.reason === undefined ? {} : { reason: said.reason }),
    ...(said.parent_id === undefined ? {} : { parent_id: said.parent_id }),
    ...(said.risk === undefined ? {} : { risk: said.risk }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(made === undefined ? {} : { payload: made.payload }),
  };
}

function toolOf({ name, version, server }: NonNullable<Action['tool']>) {
  return {
    name: idText(name, 'unnamed'),
    ...(version === undefined ? {} : { version: cutBytes(String(version), 256) }),
    ...(server === undefined ? {} : { server: cutBytes(String(server), 256) }),
  };
}
