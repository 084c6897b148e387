import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { type Fact, factLines, shown } from '../../facts.ts';
import { safe, toJson } from '../../output/safe.ts';
import { formatTime } from '../../output/time.ts';
import { readListed, type Token } from './listed.ts';

export interface ShowOptions {
  readonly json?: boolean;
  readonly utc?: boolean;
}

export async function show(context: Context, wanted: string, options: ShowOptions): Promise<void> {
  // Somebody pasted the whole token: what follows its id is not wanted on the screen.
  const name = wanted.startsWith('agt_') ? (wanted.split('.')[0] ?? '') : wanted;
  const { agents, tokens } = await readListed(context, { name });
  if (agents.length === 0 && tokens.length === 0) {
    throw new TallyError('NOT_FOUND', `nothing is known of an agent or a token ${safe(name)}`, {
      hint: 'tally agent list',
    });
  }
  if (options.json === true) {
    await context.stdout.line(toJson({ agents, tokens }));
    return;
  }
  const utc = options.utc === true;
  const time = (ts: string | undefined): string | undefined =>
    ts === undefined ? undefined : formatTime(ts, { utc });
  const blocks: (readonly Fact[])[] = [
    ...agents.map((agent): readonly Fact[] => [
      ['agent', safe(agent.agent_id)],
      ['what for', shown(agent.description)],
      ['registered', time(agent.registered_at) ?? 'never: only a token was issued in its name'],
    ]),
    ...tokens.map((token) => factsOf(token, time)),
  ];
  for (const [i, facts] of blocks.entries()) {
    if (i > 0) await context.stdout.line('');
    for (const line of factLines(facts, context.stdout)) await context.stdout.line(line);
  }
}

function factsOf(token: Token, time: (ts: string | undefined) => string | undefined): readonly Fact[] {
  const { contract } = token;
  const names = (list: readonly string[] | undefined): string | undefined =>
    list === undefined ? undefined : list.length === 0 ? 'none' : list.map(safe).join(', ');
  return [
    ['token', token.token_id],
    ['status', token.status],
    ['agent', shown(token.agent_id)],
    ['label', shown(token.label)],
    ['user', shown(token.user_id) ?? 'none named'],
    ['scopes', names(token.scopes) ?? 'all that the user has'],
    ['tools', names(contract?.tools)],
    ['hosts', names(contract?.hosts)],
    ['credentials', names(contract?.credentials?.allow)],
    ['never', names(contract?.credentials?.deny)],
    ['project', shown(token.project_id)],
    ['environment', shown(token.environment)],
    ['passed on by', names(token.chain)],
    ['parent', shown(token.parent)],
    ['issued', time(token.issued_at)],
    ['expires', time(token.expires_at) ?? 'never'],
    ['revoked', time(token.revoked_at)],
    ['last used', time(token.last_used) ?? 'not yet, as far as is remembered'],
  ];
}
