/** Agents and tokens as the running recorder knows them, or, without one, as the log tells. */
import { listAgents, listTokens } from '../../../core/identity/list.ts';
import type { OpResults } from '../../../recorder/ops.ts';
import { loadRegistry } from '../../../recorder/registry.ts';
import { fileObjects } from '../../../store/file/objects.ts';
import type { Context } from '../../context.ts';
import { formatRecent } from '../../output/time.ts';
import { askRunning } from '../../running.ts';

export type Listed = OpResults['agent.list'];
export type Token = Listed['tokens'][number];

export async function readListed(context: Context): Promise<Listed> {
  return (await askRunning(context, (ask) => ask('agent.list', {}))) ?? (await fromLog(context));
}

/** Reading it writes nothing. */
async function fromLog(context: Context): Promise<Listed> {
  const { name, reader } = await context.openReader();
  const state = await loadRegistry(fileObjects(context.paths.registry), `${name}.json`, reader);
  const tokens = listTokens(state, context.now()).filter(({ kind }) => kind === 'agent');
  return { agents: listAgents(state, context.now()), tokens };
}

/** `14:05` today, `11-20 14:05` this year, `2027-11-20 14:05`. */
export function shortTime(ts: string, nowMs: number, utc: boolean): string {
  const text = formatRecent(ts, nowMs, { utc });
  return /^\d\d:\d\d:/.test(text) ? text.slice(0, 5) : text.replace(/^(\d\d-\d\d \d\d:\d\d):\d\d$/, '$1');
}
