/**
 * The story: a refund over the limit is held, approved by another person, executed once; a changed amount needs another
 * approval. At the end the whole chain is listed, verified, and decided again.
 */
import { type Answer, ask, refunder } from './agent.ts';
import { type Recorder, startRecorder } from './recorder.ts';
import { openShop, type Refund } from './shop.ts';

/** One entry of the chain. */
export interface Link {
  readonly index: number;
  readonly what: string;
  readonly says: string;
}

export interface Told {
  /** What the shop paid, by its own count. */
  readonly paid: readonly Refund[];
  readonly answers: readonly Answer[];
  readonly chain: readonly Link[];
  readonly verified: string;
  readonly replayed: string;
}

export async function tell(say: (line: string) => void): Promise<Told> {
  const shop = await openShop();
  const recorder = await startRecorder();
  try {
    return await play(recorder, shop, say);
  } finally {
    await recorder.close();
    await shop.close();
  }
}

async function play(
  { api, tally }: Recorder,
  shop: { readonly url: string; readonly paid: readonly Refund[] },
  say: (line: string) => void,
): Promise<Told> {
  const issue = (agent: string, ...more: string[]): string => {
    tally(['agent', 'register', agent]);
    const issued = tally(['agent', 'token', 'issue', agent, ...more, '--json']);
    return (JSON.parse(issued) as { readonly token: string }).token;
  };
  const bot = issue('refund-bot', '--user', 'u_clerk');
  const lead = issue('lead-desk', '--user', 'u_lead', '--scope', 'tally.operator');
  const { refund } = refunder(api, bot, shop.url);
  const answers: Answer[] = [];
  const tried = async (wanted: Refund): Promise<Answer> => {
    const answer = await refund(wanted);
    answers.push(answer);
    const { decision, receipt } = answer;
    const end = receipt === undefined ? 'nothing is paid' : `paid, ${receipt}`;
    say(
      `  refund ${wanted.amount} for ${wanted.order}: ${decision.outcome}${decision.reason === undefined ? '' : ` (${decision.reason})`}; ${end}`,
    );
    return answer;
  };
  const word = (
    id: string | undefined,
    decision: 'grant' | 'deny',
    token: string,
  ): Promise<{ readonly approver: string }> => ask(`${api}/approvals/${id}`, token, { decision });

  say('The bot refunds what it may:');
  await tried({ order: 'o_1', amount: 40 });

  say('Over the limit it is held:');
  const held = await tried({ order: 'o_2', amount: 250 });

  say('The bot cannot approve it itself:');
  const own = await word(held.approval_id, 'grant', bot).catch((error: unknown) => error);
  say(`  ${own instanceof Error ? own.message : 'it could'}`);

  say('Another person looks at it, and approves it:');
  const shown = await ask<{ readonly requester: { readonly user_id?: string }; readonly arguments?: string }>(
    `${api}/approvals/${held.approval_id}`,
    lead,
  );
  say(`  ${shown.requester.user_id} asks for ${shown.arguments}`);
  const { approver } = await word(held.approval_id, 'grant', lead);
  say(`  approved by ${approver}`);

  say('Now the very same refund is paid, once:');
  await tried({ order: 'o_2', amount: 250 });
  const again = await tried({ order: 'o_2', amount: 250 });

  say('A changed amount needs an approval of its own:');
  const changed = await tried({ order: 'o_2', amount: 251 });
  await word(changed.approval_id, 'deny', lead);
  await tried({ order: 'o_2', amount: 251 });
  await word(again.approval_id, 'deny', lead);

  say('The whole chain of the approved refund, as it stands in the log:');
  const chain = chainOf(tally(['log', 'export', '--no-snapshots', '--unrecorded']), held.id);
  for (const { index, what, says } of chain)
    say(`  ${String(index).padStart(3)}  ${what.padEnd(22)} ${says}`);
  const verified = tally(['verify', '--completeness'], [0, 7]);
  const replayed = tally(['log', 'replay']);
  say(`tally verify --completeness\n${indented(verified)}\ntally log replay\n${indented(replayed)}`);
  return { paid: [...shop.paid], answers, chain, verified, replayed };
}

interface Entry {
  readonly id: string;
  readonly index: number;
  readonly type: string;
  readonly phase: string;
  readonly parent_id?: string;
  readonly action?: { readonly key?: string };
  readonly actor?: { readonly user?: { readonly id?: string }; readonly agent_id?: string };
  readonly decision?: { readonly outcome: string; readonly reason?: string };
  readonly outcome?: { readonly status: string };
}

/** Everything that has the action key of one decision, up to the end of the call that was allowed. */
function chainOf(jsonl: string, id: string): readonly Link[] {
  const entries = jsonl
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
  const key = entries.find((entry) => entry.id === id)?.action?.key;
  const links = entries.filter(({ action }) => key !== undefined && action?.key === key);
  const allowed = links.find(({ decision }) => decision?.outcome === 'allow')?.id;
  const last = links.findIndex(({ parent_id }) => parent_id === allowed);
  return links.slice(0, last + 1).map(({ index, type, phase, actor, decision, outcome }) => ({
    index,
    what: type === 'decision.made' && phase === 'post_exec' ? 'its end' : type,
    says: [
      decision === undefined
        ? outcome?.status
        : `${decision.outcome}${decision.reason === undefined ? '' : `, ${decision.reason}`}`,
      type === 'approval.grant' || decision?.outcome === 'stop'
        ? `by ${actor?.user?.id ?? actor?.agent_id}`
        : undefined,
    ]
      .filter((part) => part !== undefined)
      .join(', '),
  }));
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
