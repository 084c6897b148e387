/** Agents and tokens as the running recorder knows them, or, without one, as the log tells. */
import { type ListWanted, listPage, listRows } from '../../../core/identity/list.ts';
import type { Ask, OpResults } from '../../../recorder/ops.ts';
import { loadRegistry } from '../../../recorder/registry.ts';
import { fileObjects } from '../../../store/file/objects.ts';
import type { Context } from '../../context.ts';
import { formatRecent } from '../../output/time.ts';
import { askRunning } from '../../running.ts';

export type Listed = Omit<OpResults['agent.list'], 'next'>;
export type Token = Listed['tokens'][number];

export async function readListed(context: Context, wanted: ListWanted = {}): Promise<Listed> {
  return (await askRunning(context, (ask) => all(ask, wanted))) ?? (await fromLog(context, wanted));
}

/** Page after page. An agent that is made known meanwhile moves the rows: one may then come twice. */
async function all(ask: Ask, { name, live }: ListWanted): Promise<Listed> {
  const agents = new Map<string, Listed['agents'][number]>();
  const tokens = new Map<string, Token>();
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: OpResults['agent.list'] = await ask('agent.list', {
      ...(name === undefined ? {} : { name }),
      ...(live === true ? { live } : {}),
      after,
    });
    for (const agent of page.agents) agents.set(agent.agent_id, agent);
    for (const token of page.tokens) tokens.set(token.token_id, token);
    after = page.next;
  }
  return { agents: [...agents.values()], tokens: [...tokens.values()] };
}

/** Reading it writes nothing. */
async function fromLog(context: Context, wanted: ListWanted): Promise<Listed> {
  const { name, reader } = await context.openReader();
  const state = await loadRegistry(fileObjects(context.paths.registry), `${name}.json`, reader);
  return listPage(listRows(state, context.now(), wanted));
}

/** `14:05` today, `11-20 14:05` this year, `2027-11-20 14:05`. */
export function shortTime(ts: string, nowMs: number, utc: boolean): string {
  const text = formatRecent(ts, nowMs, { utc });
  return /^\d\d:\d\d:/.test(text) ? text.slice(0, 5) : text.replace(/^(\d\d-\d\d \d\d:\d\d):\d\d$/, '$1');
}
